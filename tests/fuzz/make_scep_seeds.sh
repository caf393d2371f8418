#!/usr/bin/env bash
# Makes the seeds of fuzz_scep, fuzz_scep_inside and fuzz_csr anew; needs build/debug/scep_load and openssl.
set -euo pipefail
cd "$(dirname "$0")"
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
mkdir -p seeds/scep seeds/scep_inside seeds/csr
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=CA -keyout "$W/ca.key" -out "$W/ca.pem" 2>/dev/null
../../build/debug/scep_load message "$W/ca.pem" "open sesame" >seeds/scep/request
printf 'p\1\0\20\1' >seeds/scep/patched
# what known defects of others were about, a file for each (tests/device/craft_known.h)
../../build/debug/scep_load known "$W/ca.pem" seeds/scep seeds/scep_inside
# what is signed: the envelope stands in the message as it is
openssl cms -verify -inform DER -in seeds/scep/request -noverify -out seeds/scep_inside/envelope 2>/dev/null
printf 'p\0\20\1' >seeds/scep_inside/patched
cat >"$W/req.conf" <<-CONF
	[req]
	prompt = no
	distinguished_name = name
	attributes = attributes
	req_extensions = wishes
	[name]
	O = Example
	CN = printer 7
	[attributes]
	challengePassword = open sesame
	[wishes]
	subjectAltName = DNS:printer.example.com,email:anna@example.com
	keyUsage = digitalSignature,keyEncipherment
CONF
openssl req -new -newkey rsa:2048 -nodes -config "$W/req.conf" -keyout "$W/key" -outform DER -out seeds/csr/request 2>/dev/null
openssl req -new -newkey rsa:2048 -nodes -subj /CN=x -keyout "$W/key" -outform DER -out seeds/csr/plain 2>/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout "$W/key" -outform DER -out seeds/csr/curve 2>/dev/null
printf 'p\0\100\1' >seeds/csr/patched
{ printf c; cat seeds/csr/request; } >seeds/scep_inside/request
