// The whole life of a machine with another DHCP server: dnsmasq gives every address, and the rack still recognises the machine, from
// New to Deployed and back.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { type CachedImage, cachedDebianImage, DEBIAN_IMAGE_NEEDS } from '../support/debian-image.ts';
import { missing } from '../support/needs.ts';
import { BIOS_LIFE, LifeRig } from '../support/whole-life.ts';

const SKIP = missing(
  ...([
    'linux',
    'root',
    'ip',
    'dnsmasq',
    'ipmi_sim',
    'ipmitool',
    'ssh',
    'dig',
    'apt-get',
    'dpkg-deb',
    'depmod',
  ] as const),
  ...(['mount', 'sfdisk', 'qemu-system-x86_64'] as const),
  ...DEBIAN_IMAGE_NEEDS,
);
const STEP_MS_MAX = 480_000;
const PREPARATION_MS_MAX = 900_000;
const LOGIN_MS_MAX = 300_000;
const traceShape = z.looseObject({ address: z.string() });

describe('a machine’s whole life with another DHCP server', { skip: SKIP }, () => {
  let rig: LifeRig | undefined;
  let image: CachedImage | undefined;
  const life = (): LifeRig => rig ?? assert.fail('nothing is prepared');

  before(
    async () => {
      image = await cachedDebianImage(undefined, 'amd64');
      rig = await LifeRig.create({ ...BIOS_LIFE, proxied: true }, `rb-proxied-${process.pid}`);
    },
    { timeout: PREPARATION_MS_MAX },
  );
  after(() => rig?.remove());

  test('it enlists, is measured, is deployed, has its name and a login, and is released', async () => {
    life().power.ipmitool('chassis', 'power', 'on');
    const { hostname } = await life().reaches('New', STEP_MS_MAX);
    await life().off(STEP_MS_MAX);

    await life().rackboot('machines', 'accept', hostname);
    await life().reaches('Ready', STEP_MS_MAX);
    await life().off(STEP_MS_MAX);

    const { path, os, release, architecture } = image ?? assert.fail();
    await life().rackbootOnRack('images', 'add', path, '--os', os, '--release', release, '--arch', architecture);
    const owner = life().makeKey('owner');
    await life().rackboot('sshkeys', 'add', `${owner}.pub`);
    await life().rackboot('machines', 'deploy', hostname, `${os}/${release}`);
    const { fqdn } = await life().reaches('Deployed', STEP_MS_MAX);

    assert.deepEqual(await askDaemon(life().stateDir, '/leases'), [], 'no address was this rack’s');
    const { address } = traceShape.parse(await askDaemon(life().stateDir, `/trace?machine=${hostname}`));
    assert.match(address, /^10\.77\.0\.1\d\d$/);
    assert.equal(life().dig(fqdn, 'A'), address, 'its name leads to the other server’s address');
    assert.equal(life().dig('-x', address), `${fqdn}.`);
    await life().patiently('its owner can log in by its name', LOGIN_MS_MAX, () => {
      const { code } = life().ssh(owner, `debian@${fqdn}`, 'true');
      return Promise.resolve(code === 0 ? true : undefined);
    });

    await life().rackboot('machines', 'release', hostname);
    await life().reaches('Ready', STEP_MS_MAX);
  });
});
