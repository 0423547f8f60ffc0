// The `Authorization` header: OAuth 1.0 with method PLAINTEXT, as the clients of MAAS send it, and
// Basic for people.
//
// Sources: RFC 5849 §3.4.4 (PLAINTEXT), §3.5.1 (header), RFC 7617. Seen: no realm (maas command
// line), `OAuth` (python), `MAAS API` (Go); parameters in any order, with or without blanks after
// the commas.
//
// 1. Nonce and timestamp are not checked: without TLS the header exposes the secret itself.
// 2. Parsing never throws. Credentials with a NUL are malformed: no database of the region has such a text.

const AUTHORIZATION_MAX = 4096;
const PARAMETERS_MAX = 32;

type Credentials =
  | { readonly kind: 'key'; readonly consumerKey: string; readonly tokenKey: string; readonly secret: string }
  | { readonly kind: 'password'; readonly username: string; readonly password: string };

/** Parses the credentials in a header; `undefined` if they are missing, malformed or of another scheme. */
export function parseAuthorization(header: string): Credentials | undefined {
  if (header.length > AUTHORIZATION_MAX) return undefined;
  const match = /^\s*(\S+)\s+(.*)$/s.exec(header);
  const scheme = match?.[1]?.toLowerCase();
  const rest = match?.[2] ?? '';
  const credentials = scheme === 'oauth' ? parseOAuth(rest) : scheme === 'basic' ? parseBasic(rest) : undefined;
  return credentials === undefined || Object.values(credentials).some((text) => text.includes('\0'))
    ? undefined
    : credentials;
}

function parseOAuth(text: string): Credentials | undefined {
  const parameters = new Map<string, string>();
  for (const part of text.split(',', PARAMETERS_MAX)) {
    const match =
      /^\s*([A-Za-z_]+)\s*=\s*"([^"]*)"\s*$/.exec(part) ?? /^\s*([A-Za-z_]+)\s*=\s*([^\s"]*)\s*$/.exec(part);
    const name = match?.[1];
    const value = match?.[2] === undefined ? undefined : percentDecode(match[2]);
    if (name === undefined || value === undefined || parameters.has(name)) return undefined;
    parameters.set(name, value);
  }
  const version = parameters.get('oauth_version') ?? '1.0';
  if (parameters.get('oauth_signature_method') !== 'PLAINTEXT' || version !== '1.0') return undefined;
  const consumerKey = parameters.get('oauth_consumer_key');
  const tokenKey = parameters.get('oauth_token');
  // The signature is the consumer's secret (always empty), an ampersand and the token's secret,
  // each encoded once more.
  const signature = /^&(.+)$/.exec(parameters.get('oauth_signature') ?? '');
  const secret = signature?.[1] === undefined ? undefined : percentDecode(signature[1]);
  if (consumerKey === undefined || tokenKey === undefined || secret === undefined) return undefined;
  return { kind: 'key', consumerKey, tokenKey, secret };
}

function parseBasic(text: string): Credentials | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text.trim())) return undefined;
  const decoded = Buffer.from(text.trim(), 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1) return undefined;
  return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function percentDecode(text: string) {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
