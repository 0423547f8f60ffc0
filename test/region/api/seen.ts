// The lists of API 2.0, which show what a change has left behind.

import { assertStatus } from '../../support/answered.ts';
import type { AskedApi } from '../asked-api.ts';

const LISTS = [
  'machines',
  'devices',
  'zones',
  'pools',
  'fabrics',
  'spaces',
  'subnets',
  'ipranges',
  'reservedips',
  'static-routes',
  'domains',
  'dnsresources',
  'dnsresourcerecords',
  'boot-sources',
  'tags',
  'scripts',
  'users',
  'settings',
  'files',
  'events/?op=query',
  'account/prefs/sshkeys',
  'ipaddresses',
  'boot-resources',
];

/** All that a change could leave behind, by the path of each list. */
export async function seen({ ask }: AskedApi): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {};
  for (const path of LISTS) {
    const answer = await assertStatus(ask('GET', `2.0/${path.includes('?') ? path : `${path}/`}`), 200, path);
    texts[path] = answer.text;
  }
  return texts;
}
