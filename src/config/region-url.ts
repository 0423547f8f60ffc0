// Parses the URL of a remote region.

/** The parts of region.url. */
export interface RegionUrl {
  /** Without a slash at the end. */
  readonly text: string;
  readonly secure: boolean;
  readonly host: string;
  /** `undefined` for the scheme's default. */
  readonly port: number | undefined;
}

/**
 * Parses `http://host:port/MAAS`, or the same with https; `undefined` for anything else, as the
 * region's paths start with `/MAAS`.
 */
export function parseRegionUrl(text: string): RegionUrl | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname, search, hash, username, password } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  if (!/^\/MAAS\/?$/.test(pathname) || search !== '' || hash !== '' || username !== '' || password !== '')
    return undefined;
  const authority = port === '' ? hostname : `${hostname}:${port}`;
  return {
    text: `${protocol}//${authority}/MAAS`,
    secure: protocol === 'https:',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? undefined : Number(port),
  };
}
