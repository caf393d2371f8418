# Real proxies in front, each with the very file that docs/proxy ships; only names and paths are put in.
#
#	HOST=127.0.0.1				before anything else
#	people_certificates			in $W/front: the proxy's own certificate, and people's
#	behind nginx|haproxy|caddy [MARKS]	Pomona and the proxy; $BASE and $PORT are the proxy's
#	link_asks [OPTIONS of curl]		as whom the proxy knows by them
#	front_stops

people_certificates() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$HOST" -keyout "$W/front/key.pem" \
		-out "$W/front/csr.pem"
	openssl x509 -req -in "$W/front/csr.pem" -CA "$W/tls/ca.pem" -CAkey "$W/tls/ca.key" -days 30 \
		-out "$W/front/cert.pem" -extfile <(echo "subjectAltName=IP:127.0.0.1")
	cat "$W/front/cert.pem" "$W/front/key.pem" >"$W/front/both.pem"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=mia" -keyout "$W/front/mia.key" \
		-out "$W/front/mia.csr"
	openssl x509 -req -in "$W/front/mia.csr" -CA "$W/tls/ca.pem" -CAkey "$W/tls/ca.key" -days 30 -out "$W/front/mia.pem"
	# with whom something is wrong: of the right CA, but ended; of nobody's CA
	openssl x509 -req -in "$W/front/mia.csr" -CA "$W/tls/ca.pem" -CAkey "$W/tls/ca.key" -days -1 -out "$W/front/ended.pem"
	cp "$W/front/mia.key" "$W/front/ended.key"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/UID=anna/CN=device" \
		-keyout "$W/front/stranger.key" -out "$W/front/stranger.pem"
}

SAFARI='Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# behind NAME [MARKS]: Pomona and the proxy, with the options of those marks ("1 2") in force.
behind() {
	local name=$1 marks=${2-}
	command -v "$name" >/dev/null || skip "no $name"
	FRONT=$(free_port) BACK=$(free_port)
	BASE=https://127.0.0.1:$FRONT
	export POMONA__SERVER__BASE_URL=$BASE
	case $name in
	haproxy) LISTEN=127.0.0.1:$BACK setting server trusted_proxies '"127.0.0.1"' ;;
	*)	 LISTEN=unix:$W/http.sock setting server trusted_proxies '"unix"' ;;
	esac
	case $name in haproxy) LISTEN=127.0.0.1:$BACK ;; *) LISTEN=unix:$W/http.sock ;; esac
	: >"$W/ready"
	"$POMONA" serve --data "$DATA" --listen "$LISTEN" --plain >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until grep -q '^ready ' "$W/ready" || { cat "$W/log"; return 1; }
	FRONT_NAME=$name FRONT_MARKS=$marks
	front_begins
}

# Also behind front_stops: the proxy anew, with what its files say now.
front_begins() {
	local name=$FRONT_NAME mark
	cp "$ROOT/docs/proxy/$(file_of "$name")" "$W/front/shipped"
	for mark in $FRONT_MARKS; do sed -i "s/#$mark//" "$W/front/shipped"; done
	"front_$name"
	PORT=$FRONT
	wait_until front_answers && kill -0 "$FRONT_PID" || { cat "$W/front/log"; return 1; }
}
file_of() { case $1 in nginx) echo nginx.conf ;; haproxy) echo haproxy.cfg ;; caddy) echo Caddyfile ;; esac; }
front_answers() { curl -sf --cacert "$W/tls/ca.pem" "$BASE/healthz" -o "$W/healthz" || ! kill -0 "$FRONT_PID"; }

put() { sed -i "$@" "$W/front/shipped"; }	# names and paths of this test

front_nginx() {
	printf 'anna:%s\nmia:%s\n' "$(openssl passwd -apr1 "proxy secret")" "$(openssl passwd -apr1 "proxy secret")" >"$W/front/people"
	put -e "s|unix:/run/pomona/http.sock|unix:$W/http.sock|" -e "s|listen 443|listen 127.0.0.1:$FRONT|" \
		-e "s|apps.example.com;|127.0.0.1;|" -e "s|/etc/ssl/apps.example.com.pem|$W/front/cert.pem|" \
		-e "s|/etc/ssl/apps.example.com.key|$W/front/key.pem|" -e "s|/etc/ssl/people-ca.pem|$W/tls/ca.pem|" \
		-e "s|/etc/nginx/people|$W/front/people|" \
		-e "s|/etc/ssl/pomona-ca.pem|$W/front/pomona-ca.pem|" -e "s|/etc/ssl/pomona-crl.pem|$W/front/pomona-crl.pem|"
	cat >"$W/front/nginx.conf" <<-CONF
		daemon off; master_process off; pid $W/front/pid; error_log $W/front/log;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $W/front/b; proxy_temp_path $W/front/p; fastcgi_temp_path $W/front/f;
			uwsgi_temp_path $W/front/u; scgi_temp_path $W/front/s;
			include $W/front/shipped;
		}
	CONF
	nginx -e "$W/front/log" -p "$W/front" -c "$W/front/nginx.conf" >/dev/null 2>&1 3>&- &
	FRONT_PID=$!
}

front_haproxy() {
	case " $FRONT_MARKS " in *" 4 "*) put '/bind .* #2 /d' ;; esac
	put -e "s|bind :443|bind 127.0.0.1:$FRONT|" -e "s|/etc/ssl/apps.example.com.pem|$W/front/both.pem|" \
		-e "s|/etc/ssl/people-ca.pem|$W/tls/ca.pem|" -e "s|127.0.0.1:8080|127.0.0.1:$BACK|" \
		-e "s|/etc/ssl/pomona-ca.pem|$W/front/pomona-ca.pem|" -e "s|/etc/ssl/pomona-crl.pem|$W/front/pomona-crl.pem|" \
		-e 's|^\(.*\)user anna insecure-password change-me|\1user anna insecure-password "proxy secret"\n\1user mia insecure-password "proxy secret"|'
	haproxy -db -f "$W/front/shipped" >"$W/front/log" 2>&1 3>&- &
	FRONT_PID=$!
}

front_caddy() {
	local hash
	hash=$(caddy hash-password --plaintext "proxy secret")
	put -e "s|unix//run/pomona/http.sock|unix/$W/http.sock|" -e "s|^apps.example.com {|https://127.0.0.1:$FRONT {\n\tbind 127.0.0.1|" \
		-e "s|#tls|tls $W/front/cert.pem $W/front/key.pem|" -e "s|^\(.*\)anna PASSWORD-HASH|\1anna $hash\n\1mia $hash|"
	printf '{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system %s\n}\n' "$W/front/store" | cat - "$W/front/shipped" >"$W/front/Caddyfile"
	HOME=$W/front XDG_DATA_HOME=$W/front XDG_CONFIG_HOME=$W/front caddy run --adapter caddyfile --config "$W/front/Caddyfile" \
		>"$W/front/log" 2>&1 3>&- &
	FRONT_PID=$!
}

# link_asks WORDS...: a link that asks for a sign-in, opened by whom the proxy knows by these options of curl: the proxy
# does not ask on the link's own page, so its word is carried there from /login.
link_asks() {
	local path jar=$W/jar.link
	local -a phone=(-A "$SAFARI" -H 'Accept: text/html' -b "$jar" -c "$jar")
	rm -f "$jar"
	upload "$IPAS/enterprise.ipa"
	post /api/v1/links -H "$(bearer upload)" -H 'Content-Type: application/json' -d "{\"build\":\"$(json .build.id)\",\"sign_in\":true}"
	expect_status 201
	path=/i/$(json .url | sed 's|.*/i/||')
	get "$path" "${phone[@]}" "$@"
	expect_body "href=\"/login?next=$path\""
	get "/login?next=$path" "${phone[@]}" "$@"
	expect_status 303
	expect_header Location "$path"
	get "$path" "${phone[@]}" "$@"
	expect_status 200
	expect_body itms-services
	rm "$jar"
}

front_stops() {
	[ -z "${FRONT_PID-}" ] || { kill "$FRONT_PID" 2>/dev/null && wait "$FRONT_PID"; } || true
	FRONT_PID=
}
