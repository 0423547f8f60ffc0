// `rackboot images key`: prints the public key with which this host's region signs its images for other hosts.

import { loadPlace } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { print, printJson } from '../terminal/output.ts';

/** Prints the key in armor. @returns 0 @throws RackError as `askDaemon` */
export async function printStreamKey({
  config,
  json,
}: {
  readonly config: string;
  readonly json: boolean;
}): Promise<number> {
  const key = String(await askDaemon(loadPlace(config).stateDir, '/MAAS/images-stream/key.asc'));
  if (json) printJson({ key });
  else print(key.trimEnd());
  return 0;
}
