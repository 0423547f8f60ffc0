// Parses the address of a region that a person gives for a login: with or without `/MAAS`, `/api/1.0` or `/api/2.0`. Pure.

import { withoutUser } from '../../clean-text.ts';
import { RackError } from '../../errors.ts';

interface RegionAddress {
  /** `http://rack:5240/MAAS`. */
  readonly url: string;
  readonly api: '1.0' | '2.0';
}

const PATH = /^(?:\/+MAAS)?(?:\/+api(?:\/+(1\.0|2\.0))?)?\/*$/i;

/** The host, with its port, in a text that is not an address; `rack:5240` if it has none. */
function hostIn(text: string): string {
  const host = /^(?:[a-z][a-z0-9+.-]*:?\/\/)?(?:[^@/]*@)?([\w.:-]{1,100})(?:\/|$)/i.exec(text)?.[1];
  return host !== undefined && URL.canParse(`http://${host}/MAAS`) ? host : 'rack:5240';
}

/** @throws RackError `bad-argument` for a text that is not an address of a region */
export function parseRegionAddress(text: string): RegionAddress {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new RackError(
      'bad-argument',
      `"${withoutUser(text).slice(0, 200)}" is not an address of a region: write it as http://${hostIn(text)}/MAAS`,
    );
  }
  if (url.username !== '' || url.password !== '')
    throw new RackError('bad-argument', 'the address must not contain a name or password: the API key comes after it');
  const found = PATH.exec(url.pathname);
  if (found === null || url.search !== '' || url.hash !== '')
    throw new RackError(
      'bad-argument',
      `"${withoutUser(text).slice(0, 200)}" is not an address of a region: the path is /MAAS, /MAAS/api/1.0 or /MAAS/api/2.0`,
    );
  return { url: `${url.protocol}//${url.host}/MAAS`, api: found[1] === '1.0' ? '1.0' : '2.0' };
}
