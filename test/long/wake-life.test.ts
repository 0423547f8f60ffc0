// The life of an old PC without a BMC: its button is pressed once, and from then on real magic packets wake it, from New to Deployed
// and back, twice. A card in its network listens for them, and starts QEMU. At last it stays off, and the region says what to look at.
// @host computes

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { type DeployedMachine, type LifeImage, SMALL_SYSTEM } from '../support/life-systems.ts';
import { missing } from '../support/needs.ts';
import { BOOT_TEXT } from '../support/small-image.ts';
import { BIOS_LIFE, LIFE_NEEDS, LifeRig } from '../support/whole-life.ts';

const LIFE = { ...BIOS_LIFE, cpus: 1, bus: undefined } as const;
const SKIP = missing(...LIFE_NEEDS, ...SMALL_SYSTEM.needs, 'tcpdump', ...bootTreeNeeds(LIFE.content));
const STEP_MS_MAX = 480_000;
const HEARD_MS_MAX = 60_000;

describe('a machine that only Wake-on-LAN switches on', { skip: SKIP }, () => {
  let life: LifeRig;
  let image: LifeImage;
  let owner = '';
  let hostname = '';
  /** False: the card does not hear, as after a power cut. */
  let isListening = true;
  let wakes = 0;

  before(
    async () => {
      life = await LifeRig.create(LIFE, `rb-wake-${process.pid}`);
      image = await SMALL_SYSTEM.image(life, 'amd64');
      owner = life.makeKey('owner');
      await listen(life);
    },
    { timeout: 900_000 },
  );
  after(() => life?.remove());

  /** Starts the machine at a magic packet for its card. */
  async function listen({ namespace, power }: LifeRig): Promise<void> {
    const host = namespace.addHost('card', '52:54:00:77:aa:01');
    const filter = ['-l', '-n', '-x', '-Z', 'root', '-i', 'eth0', 'ether proto 0x0842'];
    const dump = namespace.spawn('tcpdump', filter, { host, stdio: ['ignore', 'pipe', 'pipe'] });
    const pattern = power.machine.spec.mac.replaceAll(':', '').repeat(16);
    let heard = '';
    dump.stdout?.on('data', (bytes: Buffer) => {
      heard += [...bytes.toString('latin1').matchAll(/^\s+0x\w+:\s+([\w ]+)$/gm)]
        .map(([, digits = '']) => digits)
        .join('');
      heard = heard.replaceAll(' ', '');
      if (!heard.includes(pattern)) return;
      heard = '';
      wakes += 1;
      if (isListening) power.press('on');
    });
    await new Promise<void>((resolve) => dump.stderr?.once('data', () => resolve()));
  }

  async function deploy(): Promise<void> {
    const { fqdn } = (await life.machine()) ?? assert.fail();
    const before = wakes;
    const said = await life.rackboot('machines', 'deploy', hostname, `${image.os}/${image.release}`);
    const address = /\b10\.77\.0\.\d\d\b/.exec(said)?.[0] ?? assert.fail(said);
    const deployed: DeployedMachine = {
      life,
      fqdn,
      address,
      diskBytes: LIFE.diskBytes,
      owner,
      stepMs: STEP_MS_MAX,
    };
    // Its console then begins anew: it shows no system of an earlier deployment.
    await life.patiently('it is woken', HEARD_MS_MAX, () =>
      Promise.resolve(wakes > before && life.power.isOn ? true : undefined),
    );
    await life.patiently('it boots its own disk', STEP_MS_MAX, () =>
      Promise.resolve(life.power.console().includes(BOOT_TEXT) ? true : undefined),
    );
    await SMALL_SYSTEM.report(deployed);
    await life.reaches('Deployed', STEP_MS_MAX);
  }

  async function release(): Promise<void> {
    assert.match(await life.rackboot('machines', 'release', hostname), / is Ready now/);
    const { status_message: message } = (await life.machine()) ?? assert.fail();
    assert.match(message, /may still be running|may be running/);
  }

  test('its button is pressed once: it enlists, and is off', async () => {
    life.power.press('on');
    ({ hostname } = await life.reaches('New', STEP_MS_MAX));
    await life.off(STEP_MS_MAX);
    await life.rackboot('power', 'set', hostname, 'wakeonlan', `mac_address=${life.power.machine.spec.mac}`);
  });

  test('accepted, it is woken, measured, Ready and off', async () => {
    await life.rackboot('machines', 'accept', hostname);
    await life.reaches('Ready', STEP_MS_MAX);
    await life.off(STEP_MS_MAX);
    assert.equal(wakes, 1);
  });

  test('deployed, it is woken again; released, it is Ready, and may still run', async () => {
    await life.rackboot('sshkeys', 'add', `${owner}.pub`);
    const added = ['--os', image.os, '--release', image.release, '--arch', image.architecture];
    await life.rackbootOnRack('images', 'add', image.path, ...added);
    await deploy();
    assert.equal(wakes, 2);
    await release();
    assert.ok(life.power.isOn, 'nobody has switched it off');
  });

  test('switched off by a person, it is deployed and released once more', async () => {
    life.power.press('off');
    await deploy();
    assert.equal(wakes, 3);
    await release();
    life.power.press('off');
  });

  test('that it stays off is told with what to look at, and its button serves as well', async () => {
    isListening = false;
    await life.rackboot('machines', 'commission', hostname);
    await life.tells(/sent a magic packet/, HEARD_MS_MAX);
    const waiting = (await life.machine()) ?? assert.fail();
    assert.equal(waiting.status_name, 'Commissioning');
    assert.match(waiting.status_message, /press its button, allow Wake-on-LAN in its firmware/);
    assert.match(await life.rackboot('why', hostname), /Wake-on-LAN in its firmware/);
    assert.equal(life.power.isOn, false);
    life.power.press('on');
    await life.reaches('Ready', STEP_MS_MAX);
    await life.off(STEP_MS_MAX);
  });
});
