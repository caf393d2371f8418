# Who sees what: audiences of channels, groups, categories, the shelf, web apps and App Store links.
load lib/pomona

setup_file() {
	pomona_prepare
	pomona_token "$BATS_FILE_TMPDIR/prepared" mia read >"$BATS_FILE_TMPDIR/prepared/token.mia"
}
setup()    { pomona_start; }
teardown() { pomona_stop; }

AUDIENCE=/api/v1/apps/com.example.app/channels/qa/audience

# api METHOD PATH WHO [JSON]
api() {
	local method=$1 path=$2 who=$3; shift 3
	ask "$method" "$path" -H "$(bearer "$who")" -H 'Accept: application/json' ${1+-H 'Content-Type: application/json' -d "$1"}
}

group() {	# NAME PERSON...
	local name=$1 id; shift
	api POST /api/v1/groups admin "{\"name\": \"$name\"}"
	expect_status 201
	id=$(json .id)
	for person in "$@"; do
		api PUT "/api/v1/groups/$id/people/$person" admin
		expect_status 204
	done
	GROUP=$id
}

published() {	# [CHANNEL] [words of make_app.py]
	local channel=${1:-qa}; [ $# -eq 0 ] || shift
	app "${channel}.ipa" "$@"
	upload "$W/$channel.ipa" upload "?channel=$channel"
	expect_status 201
	BUILD=$(json .build.id)
}

@test "an audience is put and got, and what is outside of it is not there, by any address" {
	published qa
	group qa paul
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 200				# until it is said, it is for everyone
	api PUT "$AUDIENCE" upload '{"any":[{"group":"QA"},{"all":[{"person":"mia"},{"not":{"person":"MIA"}}]}]}'
	expect_status 200
	expect_json '.any[0].group' qa
	cp "$W/body" "$W/put"
	api GET "$AUDIENCE" upload
	expect_status 200
	diff "$W/put" "$W/body"
	local path
	for path in /api/v1/apps/com.example.app /api/v1/apps/com.example.app/builds "/api/v1/builds/$BUILD" \
		/api/v1/apps/com.example.app/channels /apps/com.example.app/icon/120.png; do
		api GET "$path" mia
		expect_problem 404 not_found
		api GET "$path" upload
		expect_status 200
	done
	api GET /api/v1/apps mia
	expect_json '.items | length' 0
	sign_in mia
	as mia get /
	expect_not_in "$W/body" com.example.app
	for path in /apps/com.example.app "/apps/com.example.app/builds/$BUILD" /apps/com.example.app/channels/qa; do
		as mia get "$path"
		expect_status 404
	done
	as mia post "/apps/com.example.app/builds/$BUILD/install" -d "csrf=$CSRF"
	expect_status 404
	api PUT "$AUDIENCE" upload null
	expect_status 200
	expect_json .everyone true
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 200
}

@test "an audience that cannot be is refused, and says what is wrong" {
	published qa
	local cases=(
		'{"any":[{"group":"nobody knows it"}]}|nobody knows it'
		'{"person":"zoe"}|zoe'
		'{"all":[]}|nothing'
		'{"any":[{"group":"qa","person":"mia"}]}|one of any, all, not'
		'{"not":{"not":{"not":{"not":{"not":{"not":{"not":{"not":{"person":"mia"}}}}}}}}}|8 levels'
		'[]|each part'
	)
	local one
	for one in "${cases[@]}"; do
		api PUT "$AUDIENCE" upload "${one%%|*}"
		expect_status 422
		[[ $(json .detail) == *"${one#*|}"* ]] || { json .detail; return 1; }
	done
	api PUT "$AUDIENCE" upload "$(jq -nc '{any: [range(300) | {person: "mia"}]}')"
	expect_status 422
	api PUT "$AUDIENCE" upload '{"any":'
	expect_status 400
	api PUT "$AUDIENCE" upload "$(jq -nc '{any: [range(3000) | {person: "mia"}]}')"
	expect_status 413
	api GET "$AUDIENCE" upload
	expect_json .everyone true
	api PUT "$AUDIENCE" other '{"any":[]}'		# a token for another app
	expect_problem 404 not_found
	api PUT "$AUDIENCE" mia '{"any":[]}'
	expect_status 403
}

@test "each person is shown the newest build of the channels they see, under its own name" {
	published main build=1
	published qa build=2 name=Secret
	group qa paul
	api PUT "$AUDIENCE" upload '{"group":"qa"}'
	api GET /api/v1/apps mia
	expect_json '.items[0].build' 1
	expect_json '.items[0].name' 'Demo App'
	api GET /api/v1/apps/com.example.app mia
	expect_json '[.channels[].name] | join(" ")' main
	expect_not_in "$W/body" Secret
	api GET '/api/v1/apps?q=secret' mia
	expect_json '.items | length' 0
	api GET /api/v1/apps admin
	expect_json '.items[0].build' 2
}

@test "whoever comes into a group or out of it sees at once what that means" {
	published qa
	group qa
	api PUT "$AUDIENCE" upload '{"any":[{"group":"qa"}]}'
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 404
	api PUT "/api/v1/groups/$GROUP/people/mia" admin
	expect_status 204
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 200
	api PUT "/api/v1/groups/$GROUP" admin '{"name": "Testers"}'
	expect_status 200
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 200
	api GET "$AUDIENCE" upload
	expect_json '.any[0].group' Testers
	api DELETE "/api/v1/groups/$GROUP/people/mia" admin
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 404
	api PUT "/api/v1/groups/$GROUP/people/mia" admin
	api DELETE "/api/v1/groups/$GROUP" admin
	expect_status 204
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 404
	api PUT "/api/v1/groups/$GROUP/people/mia" admin
	expect_status 404
	# a person who is new, too
	api PUT "$AUDIENCE" upload '{"not":{"person":"mia"}}'
	echo 'secret of zoe' >"$W/password.zoe"
	"$POMONA" user add zoe --data "$DATA" --password-file "$W/password.zoe"
	sign_in zoe
	as zoe get "/apps/com.example.app"
	expect_status 200
	run "$POMONA" audit verify --data "$DATA"
	[ "$status" -eq 0 ]
}

@test "the console says whom a channel is for in rows, and deeper audiences in JSON" {
	published qa
	group qa mia
	sign_in paul
	as paul get /admin/apps/com.example.app/settings
	expect_status 200
	expect_body 'value="everyone" checked'
	local url=/admin/apps/com.example.app/channels/qa
	as paul post "$url" -d "csrf=$CSRF" -d who=some -d rule=any-group -d name=qa -d rule=none-person -d name=anna \
		-d rule=any-person -d name=' paul ' -d rule=all-group -d name= -d required=yes
	expect_status 303
	api GET "$AUDIENCE" upload
	[ "$(jq -c . "$W/body")" = '{"all":[{"any":[{"group":"qa"},{"person":"paul"}]},{"not":{"person":"anna"}}]}' ]
	as paul get /admin/apps/com.example.app/settings
	expect_body 'value="none-person" selected'
	expect_body 'name="required" value="yes" checked'
	api GET /api/v1/apps mia
	expect_json '.items[0].required' true
	as paul post "$url" -d "csrf=$CSRF" -d who=some -d rule=any-group -d name=nowhere
	expect_status 422
	expect_body 'no group is called'
	expect_body 'value="nowhere"'			# what was typed is still there
	as paul post "$url" -d "csrf=$CSRF" -d as=json \
		--data-urlencode 'json={"any":[{"all":[{"group":"qa"},{"group":"qa"}]},{"person":"paul"}]}'
	expect_status 303
	as paul get /admin/apps/com.example.app/settings
	expect_body '<details open>'
	expect_not_in "$W/body" 'value="some"'
	as paul post "$url" -d "csrf=$CSRF" -d who=same -d required=yes	# saved with the rest of its form
	expect_status 303
	as paul post "$url" -d "csrf=$CSRF" -d required=yes		# what says nothing opens no door
	expect_status 422
	api GET "$AUDIENCE" upload
	expect_json '.any[1].person' paul
	as paul post "$url" -d "csrf=$CSRF" -d who=everyone
	api GET "$AUDIENCE" upload
	expect_json .everyone true
	sign_in mia
	as mia get /admin/apps/com.example.app/settings
	expect_status 403
}

@test "groups are kept in the console" {
	sign_in anna
	as anna post /admin/groups -d "csrf=$CSRF" --data-urlencode 'name=Field & <staff>'
	expect_status 303
	local page
	page=$(header Location)
	as anna post "$page/people" -d "csrf=$CSRF" -d name=mia
	expect_status 303
	as anna get "$page"
	expect_body 'Field &amp; &lt;staff&gt;'
	expect_body '>mia<'
	as anna post "$page/people" -d "csrf=$CSRF" -d name=nobody
	expect_status 422
	expect_body 'nobody who may come in is called'
	as anna post /admin/groups -d "csrf=$CSRF" --data-urlencode 'name=field & <STAFF>'
	expect_status 422
	as anna post "$page" -d "csrf=$CSRF" -d 'name=Staff'
	as anna get /admin/groups
	expect_body '>Staff<'
	as anna post "$page/remove" -d "csrf=$CSRF"
	expect_status 303
	as anna get "$page"
	expect_status 404
	sign_in paul
	as paul get /admin/groups
	expect_status 403
	api GET /api/v1/groups upload			# publishers name them in audiences
	expect_status 200
}

@test "categories, the shelf, web apps and App Store links stand in the catalog of those they are for" {
	published main
	local name
	for name in Operations 'R&D'; do
		api POST /api/v1/categories admin "{\"name\": \"$name\"}"
		expect_status 201
	done
	api PUT /api/v1/apps/com.example.app/settings upload \
		'{"subtitle": "A demo", "description": "What *it* does", "categories": ["r&d"], "link_sign_in": true}'
	expect_status 200
	expect_json .link_sign_in true
	api PUT /api/v1/featured admin '{"apps": ["com.example.app"]}'
	expect_status 200
	api POST /api/v1/items admin '{"kind": "web", "name": "Wiki", "url": "https://wiki.example.com/", "categories": ["R&D"]}'
	expect_status 201
	local wiki
	wiki=$(json .id)
	api POST /api/v1/items admin '{"kind": "store", "name": "Pages", "url": "361309726", "audience": {"person": "paul"}}'
	expect_status 201
	expect_json .url https://apps.apple.com/app/id361309726
	local pages
	pages=$(json .id)
	api POST /api/v1/items admin '{"kind": "web", "name": "Bad", "url": "javascript:alert(1)"}'
	expect_status 422

	api GET /api/v1/apps mia
	expect_json '[.items[] | .kind + " " + .name] | join(", ")' 'app Demo App, web Wiki'
	api GET '/api/v1/apps?category=R%26D' mia
	expect_json '.items | length' 2
	api GET '/api/v1/apps?category=Operations' mia
	expect_json '.items | length' 0
	api GET /api/v1/categories mia
	expect_json '[.items[].name] | join(" ")' 'R&D'
	api GET "/items/$pages/icon.png" mia
	expect_status 404
	api GET "/items/$wiki/icon.png" mia
	expect_status 200
	expect_header Content-Type image/png
	api PUT "/api/v1/items/$wiki/icon" admin
	expect_status 422
	ask PUT "/api/v1/items/$wiki/icon" -H "$(bearer admin)" --data-binary @"$ROOT/tests/data/ipas/root.pem"
	expect_status 422

	sign_in mia
	as mia get /
	expect_body 'class="shelf"'
	expect_body 'A demo'
	expect_body 'href="https://wiki.example.com/"'
	expect_body '/?category=R%26D'
	expect_not_in "$W/body" Pages
	expect_not_in "$W/body" Operations
	as mia get '/?category=R%26D'
	expect_body 'aria-current="true"><bdi>R&amp;D'
	as mia get /apps/com.example.app
	expect_body 'What <em>it</em> does'
	expect_body 'R&amp;D'

	sign_in anna
	as anna get /admin/catalog-items
	expect_body 'value="com.example.app"'
	as anna post /admin/featured -d "csrf=$CSRF" -d app= -d app=
	expect_status 303
	as anna post "/admin/catalog-items/$wiki" -F "csrf=$CSRF" -F kind=web -F title=Wiki -F url=https://wiki.example.com/ \
		-F who=some -F rule=any-person -F name=paul -F category='R&D'
	expect_status 303
	as anna post /admin/catalog-items -F "csrf=$CSRF" -F kind=web -F title=Bad -F url=http://x
	expect_status 422
	expect_body 'value="http://x"'
	api GET /api/v1/apps mia
	expect_json '.items | length' 1
	as anna post "/admin/catalog-items/$wiki/remove" -d "csrf=$CSRF"
	expect_status 303
	api GET "/items/$wiki/icon.png" upload
	expect_status 404
	run "$POMONA" audit verify --data "$DATA"
	[ "$status" -eq 0 ]
}

@test "a channel can be given its audience before anything is in it" {
	published main build=1
	api PUT "$AUDIENCE" upload '{"any": []}'
	expect_status 200
	published qa build=2
	api GET "/api/v1/builds/$BUILD" mia
	expect_status 404
	api PUT /api/v1/apps/com.example.app/channels/.bad/audience upload '{"any": []}'
	expect_status 422
	api PUT /api/v1/apps/com.example.nowhere/channels/qa/audience upload '{"any": []}'
	expect_status 404
}
