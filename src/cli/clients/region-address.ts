// Parses the address of a region that a person gives for a login: with or without `/MAAS`, `/api/1.0` or `/api/2.0`. Pure.

import { withoutUser } from '../../clean-text.ts';
import { RackError } from '../../errors.ts';

interface RegionAddress {
  /** `http://rack:5240/MAAS`. */
  readonly url: string;
  readonly api: '1.0' | '2.0';
}

const PATH = /^(?:\/+MAAS)?(?:\/+api(?:\/+(1\.0|2\.0))?)?\/*$/i;

/** @throws RackError `bad-argument` for a text that is not an address of a region */
export function parseRegionAddress(text: string): RegionAddress {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    const example = /^[\w.:-]+(?:\/|$)/.test(text) ? text.replace(/\/.*$/s, '').slice(0, 100) : 'rack:5240';
    throw new RackError(
      'bad-argument',
      `"${withoutUser(text).slice(0, 200)}" is not an address of a region: write it as http://${example}/MAAS`,
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
