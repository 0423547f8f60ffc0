// iPXE that gets iPXE for ever: the rack detects the loop by its loads, and breaks it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootClient } from '../../src/boot/client.ts';
import { LOOP_LOADS_MAX, LOOP_MS_MAX, LOOPS_MAX, LoaderLoops } from '../../src/boot/loader-loops.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { type MacAddress, mac } from '../../src/ground/address.ts';
import { instant, later } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import type { Owner } from '../../src/net/shares/kept-apart.ts';
import { hw, RACK } from '../support/lab-facts.ts';
import { bootConfig } from './rack.ts';

const MAC = hw('52:54:00:12:34:56');
const OTHER = hw('52:54:00:12:34:57');
const START = instant(1_000_000);
const KNOWN: Owner = { rank: 'machine', share: '' };
const STRANGER: Owner = { rank: 'stranger', share: 'eth1' };
const BIOS: BootClient = { kind: 'bios', architecture: 0 };
const UEFI: BootClient = { kind: 'uefi', cpu: 'amd64', architecture: 7 };
const UEFI_HTTP: BootClient = { kind: 'uefi-http', cpu: 'amd64', architecture: 16 };
const IPXE: BootClient = { kind: 'ipxe', architecture: 0 };

/** A rack with these loaders, and a machine. */
class Rig {
  readonly events: RackEvent[] = [];
  readonly loops = new LoaderLoops((event) => void this.events.push(event));
  readonly #config;
  now = START;

  constructor(loaders: readonly (readonly [string, string])[] = [['16', 'ipxe.efi']]) {
    this.#config = bootConfig({ loaders: new Map(loaders) });
  }

  /** The file that DHCP names. */
  given(client: BootClient, of: MacAddress = MAC, owner: Owner | undefined = KNOWN): string | undefined {
    const query = { client, mac: of, serverAddress: RACK, sharedNetwork: 'eth1', owner };
    const plan = planBoot(query, this.#config);
    if (plan === undefined) return undefined;
    const foreseen = this.loops.forecast(query, plan, this.#config, this.now).file;
    const { file } = this.loops.check(query, plan, this.#config, this.now);
    assert.equal(foreseen, file, 'why predicts the reply');
    return file;
  }

  got(file: string, purpose?: string, of: MacAddress = MAC, sharedNetwork = 'eth1'): void {
    const kind = purpose === undefined ? 'tftp.sent' : 'http.rendered';
    const event = { kind, at: this.now, mac: of, file, purpose };
    this.loops.observe(event, sharedNetwork);
  }

  /** One round of a loop: DHCP names a loader, the machine loads it. */
  round(client: BootClient, file: string, afterMs = 20_000): string | undefined {
    const given = this.given(client);
    this.got(file);
    this.now = later(this.now, afterMs);
    return given;
  }
}

const CIRCLES: readonly (readonly [string, BootClient, readonly (readonly [string, string])[], string, string])[] = [
  [
    'iPXE by HTTP that does not identify itself',
    UEFI_HTTP,
    [['16', 'ipxe.efi']],
    'ipxe.efi',
    'http://10.20.0.1:5248/ipxe.cfg',
  ],
  ['undionly that does not identify itself', BIOS, [['0', 'undionly.kpxe']], 'undionly.kpxe', 'ipxe.cfg'],
  ['snponly of a distribution', UEFI, [['7', 'x/snponly-x86_64.efi']], 'x/snponly-x86_64.efi', 'ipxe.cfg'],
  [
    'iPXE for which the operator names iPXE',
    IPXE,
    [['ipxe', 'undionly.kpxe']],
    'undionly.kpxe',
    'http://10.20.0.1:5248/ipxe.cfg',
  ],
];

for (const [name, client, loaders, file, script] of CIRCLES) {
  test(`${name} gets iPXE's script after ${LOOP_LOADS_MAX} rounds`, () => {
    const rig = new Rig(loaders);
    for (let round = 0; round < LOOP_LOADS_MAX; round += 1) {
      assert.match(rig.round(client, file) ?? '', new RegExp(`${file.replace(/^.*\//, '')}$`), `round ${round}`);
    }
    assert.deepEqual(rig.events, []);
    assert.equal(rig.given(client), script);
    assert.equal(rig.given(client), script, 'the REQUEST gets the same as the DISCOVER');
    assert.equal(rig.events.length, 1, 'once');
    assert.partialDeepStrictEqual(rig.events, [{ kind: 'boot.loader-loop', loads: LOOP_LOADS_MAX, instead: script }]);
  });
}

test('progress ends the loop, and the next boot starts as usual', () => {
  const rig = new Rig();
  for (let round = 0; round < LOOP_LOADS_MAX; round += 1) rig.round(UEFI_HTTP, 'ipxe.efi');
  assert.match(rig.given(UEFI_HTTP) ?? '', /ipxe\.cfg$/);
  rig.got('ipxe.cfg', 'chain');
  assert.match(rig.given(UEFI_HTTP) ?? '', /ipxe\.cfg$/, 'a script that asks again by name is not progress');
  rig.got('ipxe.cfg-52-54-00-12-34-56', 'enlist');
  assert.match(rig.given(UEFI_HTTP) ?? '', /ipxe\.efi$/);
});

test('a machine that restarts repeatedly but progresses each time is in no loop', () => {
  const rig = new Rig();
  for (let boot = 0; boot < 9; boot += 1) {
    assert.match(rig.round(UEFI_HTTP, 'ipxe.efi', 5_000) ?? '', /ipxe\.efi$/);
    assert.match(rig.given(IPXE) ?? '', /ipxe\.cfg$/);
    rig.got('ipxe.cfg', 'poweroff');
  }
  assert.deepEqual(rig.events, []);
});

test('a kernel is progress too, and so is any other file', () => {
  for (const file of ['amd64/generic/bookworm/commissioning/linux', 'ldlinux.c32']) {
    const rig = new Rig();
    for (let boot = 0; boot < 9; boot += 1) {
      rig.round(UEFI_HTTP, 'ipxe.efi', 1_000);
      rig.got(file);
    }
    assert.deepEqual(rig.events, []);
  }
});

test('loads far apart are not a loop', () => {
  const rig = new Rig();
  for (let boot = 0; boot < 9; boot += 1) {
    assert.match(rig.round(UEFI_HTTP, 'ipxe.efi', LOOP_MS_MAX / 2) ?? '', /ipxe\.efi$/);
  }
  assert.deepEqual(rig.events, []);
});

test('a loader that cannot be iPXE is never replaced', () => {
  const rig = new Rig();
  for (let boot = 0; boot < 9; boot += 1) {
    assert.equal(rig.round(BIOS, 'lpxelinux.0', 1_000), 'lpxelinux.0');
    assert.equal(rig.round(UEFI, 'bootx64.efi', 1_000), 'bootx64.efi');
  }
  assert.deepEqual(rig.events, []);
});

test('one machine’s loop affects no other', () => {
  const rig = new Rig();
  for (let round = 0; round < LOOP_LOADS_MAX; round += 1) rig.round(UEFI_HTTP, 'ipxe.efi');
  assert.match(rig.given(UEFI_HTTP, OTHER) ?? '', /ipxe\.efi$/);
});

test('loads under its hardware address in another network put no machine into a loop, and end none', () => {
  const rig = new Rig();
  for (let round = 0; round < 9; round += 1) {
    assert.match(rig.given(UEFI_HTTP) ?? '', /ipxe\.efi$/);
    rig.got('ipxe.efi', undefined, MAC, 'eth2');
  }
  for (let round = 0; round < LOOP_LOADS_MAX; round += 1) {
    rig.round(UEFI_HTTP, 'ipxe.efi', 1_000);
    rig.got('ipxe.cfg', 'enlist', MAC, 'eth2');
  }
  assert.match(rig.given(UEFI_HTTP) ?? '', /ipxe\.cfg$/);
});

test(`of more than ${LOOPS_MAX} machines the one whose loader was named longest ago is forgotten`, () => {
  const rig = new Rig();
  for (let round = 0; round < LOOP_LOADS_MAX; round += 1) rig.round(UEFI_HTTP, 'ipxe.efi');
  for (let index = 0; index < LOOPS_MAX; index += 1) rig.given(UEFI_HTTP, mac(0x525400000000 + index));
  assert.match(rig.given(UEFI_HTTP) ?? '', /ipxe\.efi$/);
});

test('a machine of the region stays watched however many unknown clients get a loader', () => {
  const rig = new Rig();
  for (let round = 0; round < LOOP_LOADS_MAX; round += 1) rig.round(UEFI_HTTP, 'ipxe.efi');
  for (let index = 0; index <= LOOPS_MAX; index += 1) rig.given(UEFI_HTTP, mac(0x0200_0000_0000 + index), STRANGER);
  assert.equal(rig.given(UEFI_HTTP), 'http://10.20.0.1:5248/ipxe.cfg');
});

test('a query without a booting client starts no watch', () => {
  const rig = new Rig();
  const query = { client: UEFI_HTTP, mac: MAC, serverAddress: RACK };
  for (let round = 0; round < LOOP_LOADS_MAX; round += 1) {
    rig.got('ipxe.efi');
    rig.loops.check(query, { serverAddress: RACK, file: 'ipxe.efi', reason: undefined }, bootConfig({}), rig.now);
  }
  assert.match(rig.given(UEFI_HTTP) ?? '', /ipxe\.efi$/);
});
