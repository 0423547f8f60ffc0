// Commands that change something. `hostile-text.test.ts` runs them in this order, after the commands that only read, and checks the output of
// each. If a stranger can make a command fail, it fails here.

import { RACK_UUID } from '../region/racks/rack-place.ts';
import { CLIENT_MAC, FAR_MAC } from './hostile-sources.ts';

/** No machine has this address. */
const NOBODYS_MAC = '52:54:00:77:19:f2';

/** In their order. PASSWORD, KEYS, SCRIPT, LEASES and IMAGE stand for files of the test. */
export const CHANGING_LINES: readonly string[] = [
  // The controller of its power says hostile words.
  ...['on', 'off', 'cycle'].map((task) => `power ${task} ${CLIENT_MAC} --wait`),
  `power set ${CLIENT_MAC} manual`,
  'sshkeys add KEYS',
  // The machine is being commissioned, and has sent false results. Some of these actions are refused then: the refusals are checked, too.
  ...['abort', 'accept', 'commission', 'abort', 'test', 'abort', 'override-failed', 'rescue', 'exit-rescue'].map(
    (action) => `machines ${action} ${CLIENT_MAC}`,
  ),
  ...['broken', 'fixed', 'debug-login', 'lock', 'unlock', 'missing', 'reinstate', 'retire', 'reinstate'].map(
    (action) => `machines ${action} ${CLIENT_MAC}`,
  ),
  ...['allocate', 'release'].map((action) => `machines ${action} ${CLIENT_MAC}`),
  `machines deploy ${CLIENT_MAC} debian/bookworm`,
  `machines rename ${CLIENT_MAC} another-name`,
  `machines keep-apart ${CLIENT_MAC} ${FAR_MAC}`,
  `machines move ${FAR_MAC} ${RACK_UUID}`,
  `machines split ${CLIENT_MAC} --mac ${NOBODYS_MAC}`,
  'tags add changed --comment why',
  `tags update-nodes changed --add ${CLIENT_MAC} --add ${FAR_MAC}`,
  'tags remove changed',
  `machines add ${NOBODYS_MAC} --power-type manual --no-commission`,
  `machines remove ${NOBODYS_MAC} --yes`,
  `machines merge ${CLIENT_MAC} ${FAR_MAC}`,
  `machines remove ${CLIENT_MAC}`,
  'leases end 10.77.19.105',
  'leases clear 10.77.19.106',
  'leases import LEASES',
  ...['accept', 'reject', 'remove'].map((action) => `racks ${action} ${RACK_UUID}`),
  'scripts add SCRIPT',
  'scripts remove changing',
  'config set dns.upstream 10.77.19.9',
  'config unset dns.upstream',
  'users add bea --password-file PASSWORD',
  'password bea --password-file PASSWORD',
  'createadmin --username cid --password-file PASSWORD',
  'apikey --username ann',
  'apikey --username ann --list',
  'apikey --username ann --remove nothing',
  'sshkeys remove 1',
  'users remove bea',
  'images add IMAGE --os custom --release strange',
  'images upload site IMAGE',
  'images fsck',
  'images remove custom --force',
  'images selections add ubuntu ubuntu/noble --arches amd64',
  'images selections set ubuntu ubuntu/noble --arches amd64 --arches arm64',
  'images selections remove ubuntu ubuntu/noble',
  'images sources add http://images.example/ --keyring /usr/share/keyrings/images.gpg',
  'images sources set http://images.example/ --keyring /usr/share/keyrings/images-2.gpg',
  'images sources remove http://images.example/',
];
