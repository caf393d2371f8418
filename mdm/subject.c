#include "mdm/subject.h"
#include "core/num.h"
#include <openssl/err.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

#define PART_MAX 256	/* bytes of a value */

static const struct {
	const char *name;
	int nid;
} types[] = {
	{ "CN", NID_commonName }, { "O", NID_organizationName }, { "OU", NID_organizationalUnitName },
	{ "C", NID_countryName }, { "L", NID_localityName }, { "ST", NID_stateOrProvinceName },
	{ "STREET", NID_streetAddress }, { "DC", NID_domainComponent }, { "UID", NID_userId },
	{ "SERIALNUMBER", NID_serialNumber }, { "GN", NID_givenName }, { "SN", NID_surname },
	{ "TITLE", NID_title }, { "EMAIL", NID_pkcs9_emailAddress },
};

void
scoped_x509_name(X509_NAME **name)
{
	X509_NAME_free(*name);
}

struct part {
	char type[64], value[PART_MAX];
	size_t len;
};

static bool
bad(struct err *err, const char *text, const char *why)
{
	return err_set(err, ERR_INVALID, "the subject \"%.80s\" %s", text, why);
}

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " ");
}

static bool
read_type(const char **p, struct part *part)
{
	size_t n = strcspn(*p, "= ,+");

	if (!n || n >= sizeof part->type)
		return false;
	snprintf(part->type, sizeof part->type, "%.*s", (int)n, *p);
	*p = skip_blanks(*p + n);
	if (**p != '=')
		return false;
	*p = skip_blanks(*p + 1);
	return true;
}

/* One character behind a backslash: it means itself, or two digits mean a byte. */
static bool
read_escape(const char **p, char *ret)
{
	unsigned char byte;

	if (**p && strchr(" \"#+,;<=>\\", **p)) {
		*ret = *(*p)++;
		return true;
	}
	if (!(*p)[0] || !(*p)[1] || !num_unhex((char[]){ (*p)[0], (*p)[1], '\0' }, &byte, 1) || !byte)
		return false;
	*ret = (char)byte;
	*p += 2;
	return true;
}

static bool
read_value(const char **p, struct part *part)
{
	size_t kept = 0;	/* blanks at the end do not count, unless they were escaped */

	if (**p == '#')
		return false;
	for (part->len = 0; **p && **p != ','; ) {
		char c = *(*p)++;

		if (part->len == sizeof part->value - 1 || strchr("+;<>\"", c))
			return false;
		if (c == '\\') {
			if (!read_escape(p, &c))
				return false;
			kept = part->len + 1;
		}
		part->value[part->len++] = c;
		if (c != ' ')
			kept = part->len;
	}
	part->len = kept;
	part->value[kept] = '\0';
	return kept && !u8_check((const unsigned char *)part->value, kept);
}

static bool
add_part(X509_NAME *name, const struct part *part)
{
	const unsigned char *value = (const unsigned char *)part->value;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcasecmp(types[i].name, part->type) == 0)
			return X509_NAME_add_entry_by_NID(name, types[i].nid, MBSTRING_UTF8, value, (int)part->len, -1, 0) == 1;
	return part->type[0] >= '0' && part->type[0] <= '9' &&
	       X509_NAME_add_entry_by_txt(name, part->type, MBSTRING_UTF8, value, (int)part->len, -1, 0) == 1;
}

bool
subject_read(const char *text, X509_NAME **ret, struct err *err)
{
	SCOPED(x509_name) X509_NAME *name = X509_NAME_new();
	struct part parts[SUBJECT_PARTS_MAX];
	const char *p = skip_blanks(text);
	size_t n = 0;

	if (!name)
		return err_openssl(err, ERR_INTERNAL, "read a subject");
	if (strlen(text) > SUBJECT_MAX)
		return bad(err, text, "is too long");
	if (!*p)
		return bad(err, text, "is empty");
	for (bool more = true; more; p = skip_blanks(p)) {
		if (n == SUBJECT_PARTS_MAX)
			return bad(err, text, "has too many parts");
		if (!read_type(&p, &parts[n]) || !read_value(&p, &parts[n]))
			return bad(err, text, "is not written as CN=name,O=company (RFC 4514)");
		n++;
		more = *p == ',';
		p += more;
	}
	while (n--)	/* the text begins with what the name ends with */
		if (!add_part(name, &parts[n])) {
			ERR_clear_error();
			return err_set(err, ERR_INVALID, "the subject \"%.80s\" has a %.40s that is not known or cannot be \"%.60s\"",
				       text, parts[n].type, parts[n].value);
		}
	*ret = name;
	name = NULL;
	return true;
}

/* OpenSSL's own short names: they are ours but for these. */
static const char *
type_name(const X509_NAME_ENTRY *entry, char number[80])
{
	const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
	int nid = OBJ_obj2nid(object);

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].nid == nid)
			return types[i].name;
	return OBJ_obj2txt(number, 80, object, 1) > 0 ? number : "0.0";
}

static char *
add_value(TALLOC_CTX *ctx, char *text, const unsigned char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool blank = value[i] == ' ' && (i == 0 || i == len - 1);
		bool special = strchr("\"+,;<>\\", value[i]) || (i == 0 && value[i] == '#') || blank;

		if (value[i] < 0x20 || value[i] == 0x7f)
			text = mem_printf(ctx, "%s\\%02X", text, value[i]);
		else
			text = mem_printf(ctx, "%s%s%c", text, special ? "\\" : "", value[i]);
	}
	return text;
}

char *
subject_write(TALLOC_CTX *ctx, const X509_NAME *name)
{
	void *tmp SCOPED(mem) = talloc_new(NULL);
	char *text = mem_text(tmp, "");

	if (X509_NAME_entry_count(name) > 4 * SUBJECT_PARTS_MAX)
		return mem_text(ctx, "");
	for (int i = X509_NAME_entry_count(name) - 1; i >= 0; i--) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		unsigned char *value = NULL;
		int len = ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(entry));
		char number[80];

		if (len < 0 || len > SUBJECT_MAX || u8_check(value, (size_t)len)) {
			OPENSSL_free(value);
			ERR_clear_error();
			return mem_text(ctx, "");
		}
		text = mem_printf(tmp, "%s%s%s=", text, *text ? "," : "", type_name(entry, number));
		text = add_value(tmp, text, value, (size_t)len);
		OPENSSL_free(value);
	}
	return mem_text(ctx, text);
}
