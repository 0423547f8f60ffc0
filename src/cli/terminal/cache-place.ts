// Where commands keep downloaded packages between builds.
//
// Source: XDG Base Directory Specification 0.8 ($XDG_CACHE_HOME; a relative path is ignored).

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The directory; it need not exist. */
export function packageCache(): string {
  const { XDG_CACHE_HOME: named } = process.env;
  if (named !== undefined && isAbsolute(named)) return join(named, 'rackboot');
  return process.getuid?.() === 0 ? '/var/cache/rackboot' : join(homedir(), '.cache', 'rackboot');
}
