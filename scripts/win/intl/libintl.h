/* The part of libintl that glib calls, for a build without translations: every message is itself.
 * Plain functions, because glib's configuration looks for the symbols. */
#pragma once

char *gettext(const char *message) __attribute__((format_arg(1)));
char *dgettext(const char *domain, const char *message) __attribute__((format_arg(2)));
char *dcgettext(const char *domain, const char *message, int category)
    __attribute__((format_arg(2)));
char *ngettext(const char *one, const char *many, unsigned long n)
    __attribute__((format_arg(1), format_arg(2)));
char *dngettext(const char *domain, const char *one, const char *many, unsigned long n)
    __attribute__((format_arg(2), format_arg(3)));
char *dcngettext(const char *domain, const char *one, const char *many, unsigned long n,
                 int category) __attribute__((format_arg(2), format_arg(3)));
char *textdomain(const char *domain);
char *bindtextdomain(const char *domain, const char *directory);
char *bind_textdomain_codeset(const char *domain, const char *codeset);
