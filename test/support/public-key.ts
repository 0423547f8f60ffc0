// An OpenPGP key of a site, whose private half nobody has.

export const PUBLIC_KEY = `-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawoTMRYJKwYBBAHaRw8BAQdAzPLubQnoFyC3UUdQEJoXfO0H5J+YUSDsFCqY
mFcQoo+0JFNpdGUgb2YgYSB0ZXN0IDxzaXRlQGltYWdlcy5leGFtcGxlPoiQBBMW
CAA4FiEEgOWIuO6/tB2M513Cm1aIMW+W0TsFAmsKEzECGwMFCwkIBwIGFQoJCAsC
BBYCAwECHgECF4AACgkQm1aIMW+W0TvsPgEA0OvIF3EKrPtX4A+kNHfZljPdtTsf
CuV3vbnAhGHv40EBAMNOvXFqweMrf9HcFjYGcYISeMsdOaCAgkibjLt8BQoI
=YygG
-----END PGP PUBLIC KEY BLOCK-----`;

/** Without armor: the lines between the empty one and the checksum. */
export const PUBLIC_KEY_BYTES = Buffer.from(/\n\n([^=]+)/.exec(PUBLIC_KEY)?.[1] ?? '', 'base64');
