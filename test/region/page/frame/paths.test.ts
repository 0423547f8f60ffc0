// The addresses of MAAS's pages: each leads to the nearest page that exists, and no other address is taken for one of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMoved } from '../../../../src/region/page/frame/paths.ts';

/** All pages to which an address may lead; a region without some of them leads to the page above. */
const PAGES = [
  '/MAAS/',
  '/MAAS/first-run/',
  '/MAAS/first-run/key/',
  '/MAAS/machines/',
  '/MAAS/machines/:machine/',
  '/MAAS/machines/:machine/network/',
  '/MAAS/machines/:machine/scripts/',
  '/MAAS/machines/:machine/edit/',
  '/MAAS/devices/:id/',
  '/MAAS/networks/',
  '/MAAS/networks/subnets/:subnet/',
  '/MAAS/images/',
  '/MAAS/racks/',
  '/MAAS/dns/',
  '/MAAS/zones/',
  '/MAAS/zones/:id/',
  '/MAAS/pools/',
  '/MAAS/tags/',
  '/MAAS/scripts/',
  '/MAAS/settings/',
  '/MAAS/people/',
  '/MAAS/account/',
  '/MAAS/login/',
];

const MOVED: readonly (readonly [from: string, to: string])[] = [
  ['/MAAS/r', '/MAAS/'],
  ['/MAAS/r/', '/MAAS/'],
  ['/MAAS/r/login', '/MAAS/login/'],
  ['/MAAS/accounts/login/', '/MAAS/login/'],
  ['/MAAS/settings/users/add/', '/MAAS/people/'],
  ['/MAAS/nodes/enlist/', '/MAAS/machines/'],
  ['/MAAS/l/', '/MAAS/'],
  ['/MAAS/r/intro/user', '/MAAS/first-run/key/'],
  ['/MAAS/l/intro', '/MAAS/first-run/'],
  ['/MAAS/r/intro/success', '/MAAS/first-run/'],
  ['/MAAS/r/machines', '/MAAS/machines/'],
  ['/MAAS/r/machines?status=%3Dbroken', '/MAAS/machines/?status=broken'],
  ['/MAAS//r//machines/', '/MAAS/machines/'],
  ['/MAAS/l/machines', '/MAAS/machines/'],
  ['/MAAS/r/machine/4y3h7n', '/MAAS/machines/4y3h7n/'],
  ['/MAAS/r/machine/4y3h7n/summary', '/MAAS/machines/4y3h7n/'],
  ['/MAAS/r/machine/4y3h7n/network', '/MAAS/machines/4y3h7n/network/'],
  ['/MAAS/r/machine/4y3h7n/storage', '/MAAS/machines/4y3h7n/'],
  ['/MAAS/l/machine/4y3h7n/testing/7/details', '/MAAS/machines/4y3h7n/scripts/'],
  ['/MAAS/r/machine/4y3h7n/configuration', '/MAAS/machines/4y3h7n/edit/'],
  ['/MAAS/r/device/4y3h7n/network', '/MAAS/devices/4y3h7n/'],
  ['/MAAS/r/devices', '/MAAS/machines/?kind=devices'],
  ['/MAAS/r/controllers', '/MAAS/racks/'],
  ['/MAAS/r/controller/4y3h7n/vlans', '/MAAS/racks/'],
  ['/MAAS/r/networks?by=fabric', '/MAAS/networks/'],
  ['/MAAS/r/subnet/3', '/MAAS/networks/subnets/3/'],
  ['/MAAS/r/subnet/3/address-reservation', '/MAAS/networks/subnets/3/'],
  ['/MAAS/r/vlan/5001', '/MAAS/networks/'],
  ['/MAAS/r/spaces', '/MAAS/networks/'],
  ['/MAAS/r/domain/0', '/MAAS/dns/'],
  ['/MAAS/r/zones', '/MAAS/zones/'],
  ['/MAAS/r/pools', '/MAAS/pools/'],
  ['/MAAS/r/tags', '/MAAS/tags/'],
  ['/MAAS/r/images', '/MAAS/images/'],
  ['/MAAS/r/settings/configuration/general', '/MAAS/settings/'],
  ['/MAAS/r/settings/users/add', '/MAAS/people/'],
  ['/MAAS/r/settings/scripts/testing', '/MAAS/scripts/'],
  ['/MAAS/r/account/prefs/ssh-keys', '/MAAS/account/'],
  ['/MAAS/nodes/', '/MAAS/machines/'],
  ['/MAAS/nodes/node-5f3c/view/', '/MAAS/machines/node-5f3c/'],
  ['/MAAS/nodes/node-5f3c/edit/', '/MAAS/machines/node-5f3c/edit/'],
  ['/MAAS/clusters/', '/MAAS/racks/'],
  ['/MAAS/clusters/5f3c/interfaces/eth0/edit/', '/MAAS/networks/'],
  ['/MAAS/networks/', '/MAAS/networks/'],
  ['/MAAS/zones/default/view/', '/MAAS/zones/default/'],
  ['/MAAS/account/prefs/', '/MAAS/account/'],
  ['/MAAS/account/prefs/sshkey/add/', '/MAAS/account/'],
  ['/MAAS/settings/general/', '/MAAS/settings/'],
  ['/MAAS/dashboard', '/MAAS/'],
];

for (const [from, to] of MOVED) test(`${from} leads to ${to}`, () => assert.equal(findMoved(from, PAGES), to));

for (const url of [
  '/MAAS/nothing/',
  '/MAAS/machines/a/b/c/',
  '/MAAS/machine/4y3h7n/',
  '/MAAS/r/nothing',
  '/MAAS/results',
  '/MAAS/api/2.0/machines/',
  '/MAAS/api/2.0/nothing/',
  '/MAAS/metadata/latest/',
  '/MAAS/uplink/1/r/machines',
  '/MAAS/images-stream/streams/v1/index.json',
  '/r/machines',
  '/MAAS',
])
  test(`${url} is no address of one of MAAS's pages`, () => assert.equal(findMoved(url, PAGES), undefined));

test('without the pages themselves every address leads to the overview', () => {
  for (const [from] of MOVED) assert.equal(findMoved(from, []), '/MAAS/', from);
});

test('an id is kept as it was sent', () => {
  assert.equal(findMoved('/MAAS/r/machine/a%2Fb$&/', PAGES), '/MAAS/machines/a%2Fb$&/');
});
