# Who did what: an admin reads it, takes it along, and is told when it is not what was written.
load lib/pomona

setup_file() { pomona_prepare; }
setup()      { pomona_start; }
teardown()   { pomona_stop; }

database() { sqlite3 -cmd '.timeout 10000' "$DATA/pomona.db" "$@"; }
need_sqlite() { command -v sqlite3 >/dev/null || skip "no sqlite3"; }

# api QUERY: the log as a program reads it.
api() { get "/api/v1/audit?$1" -H "$(bearer admin)"; expect_status 200; }

verify() { run env ASAN_OPTIONS=detect_leaks=0 "$POMONA" audit verify --data "$DATA" "$@"; }

# renamed NAME: one act of anna, who is signed in.
renamed() {
	as anna post /admin/settings -F csrf="$CSRF" --form-string "company_name=$1" -F 'accent=#0a58ca'
	expect_status 303
}

# ---- reading ----

@test "the log is for admins, and for tokens with the scope admin" {
	local path
	for path in /admin/audit /admin/audit.csv /api/v1/audit; do
		get $path -H 'Accept: application/json'
		expect_status 401
		sign_in paul
		get $path -b "$W/jar.paul"
		expect_problem 403 not_allowed
	done
	for path in /admin/audit.csv /api/v1/audit; do
		get $path -H "$(bearer upload)"
		expect_problem 403 not_allowed
		get $path -H "$(bearer admin)"
		expect_status 200
	done
	get /admin/audit -H "$(bearer admin)"
	expect_problem 403 not_allowed
	"$POMONA" token new --data "$DATA" --user anna --scope admin --app com.example.app >"$W/token.one"
	get /api/v1/audit -H "$(bearer one)"
	expect_problem 403 not_allowed
	sign_in anna
	as anna get /admin
	expect_body '/admin/audit'
	sign_in paul
	as paul get /admin
	expect_not_in "$W/body" '/admin/audit'
}

@test "what was done stands on the page, newest first, in words and with its code" {
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	local build
	build=$(json .build.id)
	sign_in anna
	as anna get /admin/audit
	expect_status 200
	expect_body 'Uploaded a build'
	expect_body '<code>build.upload</code>'
	expect_body 'paul (token '
	expect_body 'com.example.app 1.2 (34)'
	[ "$(grep -n 'Signed in<br>' "$W/body" | head -1 | cut -d: -f1)" -lt "$(grep -n 'Uploaded a build<br>' "$W/body" | cut -d: -f1)" ]
	as anna get /admin/audit -H 'Accept-Language: de'
	expect_body 'Hat einen Build hochgeladen'
	# a filter is a link away, and shows nothing else
	as anna get "/admin/audit?object=$build"
	expect_body 'Uploaded a build<br>'
	expect_not_in "$W/body" 'Signed in<br>'
	as anna get "/admin/audit?actor=paul&act=build.upload"
	[ "$(grep -c 'role="rowheader"' "$W/body")" = 1 ]
	as anna get "/admin/audit?actor=nobody%22%3E%3Cb%3E"
	expect_body 'Nothing like that is recorded'
	expect_body 'nobody&quot;&gt;&lt;b&gt;'
	expect_not_in "$W/body" '<b>'
}

@test "page follows page without a gap, and a day is a day in UTC" {
	local i at
	sign_in anna
	for i in $(seq 60); do renamed "Name $i"; done
	as anna get '/admin/audit?act=setting&object=company.name'
	[ "$(grep -c 'role="rowheader"' "$W/body")" = 50 ]
	local next
	next=$(sed -n 's/.*href="\([^"]*\)" rel="next".*/\1/p' "$W/body" | sed 's/&amp;/\&/g')
	as anna get "$next"
	[ "$(grep -c 'role="rowheader"' "$W/body")" = 10 ]
	expect_body 'Back to the newest'
	api 'act=setting&object=company.name&limit=45'
	expect_json '.items | length' 45
	json '.items[].id' >"$W/ids"
	api "act=setting&object=company.name&limit=45&after=$(json .next)"
	expect_json .next null
	json '.items[].id' >>"$W/ids"
	[ "$(sort -rnu "$W/ids" | cmp - "$W/ids" && wc -l <"$W/ids")" = 60 ]
	set_clock 2026-11-23T00:00:00Z
	sign_in anna
	renamed "One more"
	api 'act=setting&object=company.name&from=2026-11-23'
	expect_json '.items | length' 1
	api 'act=setting&object=company.name&from=2026-11-22&until=2026-11-22'
	expect_json '.items | length' 60
	api 'act=setting&object=company.name&until=2026-11-23T00:00:00Z'
	expect_json '.items | length' 60
	for at in from=yesterday until=2026-13-01 after=0 after=x; do
		get "/api/v1/audit?$at" -H "$(bearer admin)"
		expect_status 422
	done
}

@test "the file is RFC 4180, agrees with the API, and holds no formula" {
	sign_in anna
	local name
	for name in '=HYPERLINK("https://example.com","x")' '+1' '-1' '@SUM(A1)' 'plain, "quoted"' 'Obst & Söhne 🍐'; do
		renamed "$name"
	done
	get '/admin/audit.csv?act=setting' -H "$(bearer admin)"
	expect_status 200
	expect_header Content-Type 'text/csv; charset=utf-8*'
	expect_header Content-Disposition 'attachment; filename="audit-2026-11-22.csv"'
	cp "$W/body" "$W/csv"
	[ "$(grep -c $'\r$' "$W/csv")" = "$(wc -l <"$W/csv")" ]
	api act=setting
	python3 - "$W/csv" "$W/body" <<-'PY'
		import csv, json, sys
		rows = list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8"), strict=True))
		items = json.load(open(sys.argv[2]))["items"]
		assert rows[0] == ["id", "at", "actor", "act", "object", "detail", "hash"], rows[0]
		assert len(rows) == len(items) + 1 >= 8, len(rows)
		for row, item in zip(rows[1:], items):
		    for cell, key in zip(row, rows[0]):
		        value = "" if item[key] is None else str(item[key])
		        assert cell == ("'" if value[:1] in tuple("=+-@") else "") + value, (cell, value)
		        assert cell[:1] not in tuple("=+-@"), cell
	PY
	expect_json '[.items[].detail] | contains(["Obst & Söhne 🍐", "plain, \"quoted\""])' true
}

@test "a file that would be too long says where it goes on" {
	need_sqlite
	database "INSERT INTO audit (id, at, actor, act, object, detail, hash) WITH RECURSIVE n(i) AS
		(SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 101999) SELECT i, i, 'eve', 'x', 'y', NULL, '' FROM n"
	get /admin/audit.csv -H "$(bearer admin)"
	expect_status 200
	[ "$(wc -l <"$W/body")" = 100001 ]
	local next
	next=$(header Link | sed -n 's/^<\(.*\)>; rel="next"$/\1/p')
	[ "$next" = "$BASE/admin/audit.csv?after=2000" ]
	get "$next" -H "$(bearer admin)"
	[ "$(grep -c ,eve,x,y,,$'\r'"\$" "$W/body")" = 1000 ]
	[ -z "$(header Link)" ]
	[ -z "$(ls "$DATA/uploads")" ]
}

# ---- verifying ----

@test "verify walks the chain while the server runs, and finds every sort of damage" {
	need_sqlite
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	local rows damage repair says
	rows=$(database 'SELECT count(*) FROM audit')
	[ "$rows" -gt 5 ]
	verify
	[ "$status" -eq 0 ]
	[[ $output == *"$rows rows, all as they were written"* ]]
	verify --json
	[ "$(jq -r .rows <<<"$output")" = "$rows" ] || { echo "it says: $output"; return 1; }
	[ "$(jq -r .newest <<<"$output")" = "$(database "SELECT hash FROM audit WHERE id = $rows")" ]
	database "CREATE TABLE kept AS SELECT * FROM audit" "CREATE TABLE kept_meta AS SELECT value FROM meta WHERE key = 'audit'"
	while IFS='|' read -r damage repair says; do
		database "$damage"
		verify
		[ "$status" -eq 4 ] || { echo "$damage: exit code $status: $output"; return 1; }
		[[ $output == *"$says"* ]] || { echo "$damage: $output"; return 1; }
		database "$repair"
		verify
		[ "$status" -eq 0 ]
	done <<-CASES
		UPDATE audit SET actor = 'eve' WHERE id = 3|UPDATE audit SET actor = (SELECT actor FROM kept WHERE id = 3) WHERE id = 3|row 3: is not what was written
		DELETE FROM audit WHERE id = 4|INSERT INTO audit SELECT * FROM kept WHERE id = 4|row 4: is missing
		UPDATE audit SET id = CASE id WHEN 1 THEN -2 ELSE -1 END WHERE id < 3|UPDATE audit SET id = CASE id WHEN -2 THEN 1 ELSE 2 END WHERE id < 0|is out of place
		DELETE FROM audit WHERE id = $rows|INSERT INTO audit SELECT * FROM kept WHERE id = $rows|row $rows: is missing
		UPDATE meta SET value = 'x' WHERE key = 'audit'|UPDATE meta SET value = (SELECT value FROM kept_meta) WHERE key = 'audit'|the newest row is not known
	CASES
	usage_of() { run env ASAN_OPTIONS=detect_leaks=0 "$POMONA" audit "$@" --data "$DATA"; [ "$status" -eq 2 ]; }
	usage_of
	usage_of nothing
	usage_of verify more
}

@test "the chain is walked once a day; a break is an error in the log and the first thing on Today" {
	need_sqlite
	wait_until grep -q 'msg="the audit log is whole"' "$W/log"
	sign_in anna
	as anna get /admin/audit
	expect_body 'are as they were written. Verified'
	expect_not_in "$W/body" 'note danger'
	as anna get /admin
	expect_not_in "$W/body" 'The audit log is not what was written'
	database "CREATE TABLE kept AS SELECT * FROM audit"
	database "UPDATE audit SET detail = 'nothing at all' WHERE id = 2"
	: >"$W/log"
	set_clock 2026-11-22T23:00:00Z
	get /healthz
	expect_not_in "$W/log" 'audit log'
	set_clock 2026-11-23T12:00:01Z
	wait_until grep -q 'level=error.*the audit log is not what was written.*row 2' "$W/log"
	sign_in anna
	as anna get /admin/audit
	expect_body 'note danger'
	expect_body 'row 2: is not what was written'
	as anna get /admin
	expect_body 'The audit log is not what was written'
	expect_body 'class="btn small primary" href="/admin/audit"'
	sign_in paul
	as paul get /admin
	expect_not_in "$W/body" 'is not what was written'
	# mended, and walked by hand: quiet again
	database "UPDATE audit SET detail = (SELECT detail FROM kept WHERE id = 2) WHERE id = 2"
	verify
	[ "$status" -eq 0 ]
	sign_in anna
	as anna get /admin
	expect_not_in "$W/body" 'The audit log is not what was written'
}
