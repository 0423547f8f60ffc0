// Recognises the file that `rackboot init` wrote. Such a file says nothing of its own: if the store has no network, `init` may write it again.

import { readConfigFile, readConfigText } from '../../config/config-file.ts';
import { REGION_PORT } from '../../config/region-place.ts';
import { valueAt } from '../../machines/settings.ts';
import { type Ipv4, parseIpv4 } from '../../net/address.ts';
import { renderFile } from './init-proposal.ts';

/** The answers in the file of a rack with its own region. */
interface InitFile {
  readonly name: string;
  readonly stateDir: string;
}

/** Undefined: `init` did not write this file, or a person has changed it. @throws RackError `config-unreadable` */
export function findInitFile(file: string): InitFile | undefined {
  const text = readConfigText(file);
  const read = readConfigFile(text);
  if (!read.ok) return undefined;
  const { name, state_dir: stateDir } = read.file.values;
  const address = addressIn(valueAt(read.file.values, 'region.listen'));
  if (typeof name !== 'string' || typeof stateDir !== 'string' || address === undefined) return undefined;
  return renderFile({ name, stateDir, address }) === text ? { name, stateDir } : undefined;
}

/** The address of the network, after that of the loopback. */
function addressIn(listen: unknown): Ipv4 | undefined {
  const [, written] = Array.isArray(listen) ? listen : [];
  const end = `:${REGION_PORT}`;
  return typeof written === 'string' && written.endsWith(end) ? parseIpv4(written.slice(0, -end.length)) : undefined;
}
