// `rackboot images key`: prints the public key with which this host's region signs its images for
// other hosts.

import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';

/** Prints the key in armor. @throws RackError as `askDaemon` */
export async function printStreamKey(where: Where): Promise<number> {
  const key = String(await askRegion(where, '/MAAS/images-stream/key.asc'));
  return printAnswer(where, { key }, key.trimEnd());
}
