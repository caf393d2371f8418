/* For whom a mobileconfig is, in the console: rows of people and groups, and which of their devices. */
#include "catalog/assignment.h"
#include "web/audience_form.h"
#include "web/filter_form.h"
#include "web/mobileconfig_edit.h"
#include "web/rooms.h"
#include <string.h>

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

/* The field that the button which was pressed keeps alone; NULL: it was another button. */
static const char *
typed_by(struct req *req, const char *button, const char *field)
{
	const char *as = edit_field(req, "as");

	return as && strcmp(as, button) == 0 ? edit_field(req, field) : NULL;
}

/* What was typed, in the place of what is there. */
static bool
refuse(struct req *req, struct reply *reply, const struct assignment *to, struct err *err)
{
	char text[520];
	struct mobileconfig_refused refused = { .where = to->id ? to->id : "assign", .text = mem_text(req, err_text(err, text, sizeof text)),
		.audience = to->audience, .devices = to->devices, .typed = typed_by(req, "devices", "devices"),
		.typed_audience = typed_by(req, "json", "json") };

	return edit_sayable(req, err) && edit_page(req, reply, &refused, err);
}

/* What the form leaves as it is. */
static bool
keep_same(struct req *req, struct assignment *to, bool same_people, bool same_devices, struct err *err)
{
	json_t *now;

	if (!same_people && !same_devices)
		return true;
	if (!to->id)
		return err_set(err, ERR_INVALID, "a new assignment has nothing that could stay as it is");
	if (!assignment_show(req->site->db, to->id, &now, err))
		return false;
	json_hold(req, now);
	if (same_people)
		to->audience = json_object_get(now, "audience");
	if (same_devices)
		to->devices = json_object_get(now, "devices");
	return true;
}

/* id NULL: a new one. */
static bool
assign(struct req *req, struct reply *reply, const char *id, struct err *err)
{
	struct assignment to = { .id = id, .mobileconfig = req_param(req, "name") };
	bool same_people = false, same_devices = false, people, filter, created;
	json_t *tree = NULL, *devices = NULL;
	struct err second;

	/* both, so that a refusal of the one does not widen the other on the page that comes back */
	people = audience_of_form(req, &tree, &same_people, err);
	filter = filter_of_form(req, &devices, &same_devices, people ? err : &second);
	to.audience = tree;
	to.devices = devices;
	if (people && filter && keep_same(req, &to, same_people, same_devices, err) &&
	    assignment_put(req, req->site->db, actor(req), &to, &created, &id, err))
		return edit_done(req, reply, "assigned");
	if (filter && !same_devices && !devices)
		to.devices = json_hold(req, json_object());	/* all of them, and not as it was */
	return refuse(req, reply, &to, err);
}

static bool
post_assign(struct req *req, struct reply *reply, struct err *err)
{
	return assign(req, reply, NULL, err);
}

/* Of this mobileconfig, as the path says. */
static bool
is_its(struct req *req, struct err *err)
{
	json_t *one;
	bool ok;

	if (!assignment_show(req->site->db, req_param(req, "id"), &one, err))
		return false;
	ok = strcmp(text_of(one, "mobileconfig"), req_param(req, "name")) == 0;
	json_decref(one);
	return ok || err_set(err, ERR_MISSING, "no such assignment");
}

static bool
post_assignment(struct req *req, struct reply *reply, struct err *err)
{
	return is_its(req, err) && assign(req, reply, req_param(req, "id"), err);
}

static bool
post_unassign(struct req *req, struct reply *reply, struct err *err)
{
	return is_its(req, err) && assignment_remove(req->site->db, actor(req), req_param(req, "id"), err) &&
	       edit_done(req, reply, "unassigned");
}

#define ONE "/admin/mobileconfigs/:name"

const struct route mobileconfig_assignment_routes[] = {
	{ POST, ONE "/assignments",                WHO_ADMIN, "64K", ON_WORKER, post_assign,     NULL, NULL, "For whom it is, too" },
	{ POST, ONE "/assignments/:id",            WHO_ADMIN, "64K", ON_WORKER, post_assignment, NULL, NULL, "Change that" },
	{ POST, ONE "/assignments/:id/remove",     WHO_ADMIN, "16K", ON_WORKER, post_unassign,   NULL, NULL, "Take it from them" },
	{ 0 }
};
