-- What a list says of each build without reading its facts: that it is made for the iPad alone (UIDeviceFamily 2 without 1).

ALTER TABLE build ADD COLUMN ipad_only BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE build SET ipad_only = TRUE WHERE
	(facts LIKE '%"device_family":[2]%' OR facts LIKE '%"device_family":[2,%' OR facts LIKE '%"device_family":[_,2]%'
	OR facts LIKE '%"device_family":[_,2,%' OR facts LIKE '%"device_family":[_,_,2]%' OR facts LIKE '%"device_family":[_,_,2,%')
	AND NOT (facts LIKE '%"device_family":[1,%' OR facts LIKE '%"device_family":[_,1]%' OR facts LIKE '%"device_family":[_,1,%'
	OR facts LIKE '%"device_family":[_,_,1]%' OR facts LIKE '%"device_family":[_,_,1,%');
