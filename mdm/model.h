#pragma once
/*
 * model - what Apple calls a product in its shops: "iPhone15,4" is an iPhone 15.
 */

const char *model_name(const char *product);	/* NULL: newer than this program, or none of these */

/* "18" of the iOS build "22B83": what a device says of its system in the Profile Service.  NULL: unknown. */
const char *model_ios_of_build(const char *build, char text[16]);
