// Which machine has which quirk, and its workaround.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUIRK_FIRMWARE } from '../../src/boot/boot-words.ts';
import type { BootClient } from '../../src/boot/client.ts';
import { type BootPlan, planBoot } from '../../src/boot/plan.ts';
import { findQuirk, QUIRK_NAMES, QUIRKS, type QuirkQuery, type QuirkRule } from '../../src/boot/quirks.ts';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { hw, RACK } from '../support/lab-facts.ts';
import { bootConfig } from './rack.ts';

const BIOS: BootClient = { kind: 'bios', architecture: 0 };
const UEFI: BootClient = { kind: 'uefi', cpu: 'amd64', architecture: 7 };
const ARM: BootClient = { kind: 'uefi', cpu: 'arm64', architecture: 11 };
const PI = hw('b8:27:eb:12:34:56');
const PC = hw('00:1b:21:12:34:56');
/** `RPi5`, board revision, address and serial number. */
const PI_UUID = '52506935-00c0-3111-2233-445501020304';
const UUID = '4c4c4544-0043-3010-8052-b4c04f564d31';

/** The rules as an operator writes them. */
function rules(...lines: readonly string[]): readonly QuirkRule[] {
  const parsed = parseConfig(`boot: { quirks: [${lines.map((line) => `{ ${line} }`).join(', ')}] }`);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  return parsed.config.boot.quirks ?? [];
}

const CASES: readonly (readonly [string, QuirkQuery, readonly string[], string | undefined])[] = [
  ['an ordinary machine has no quirk', { client: BIOS, mac: PC }, [], undefined],
  ['a Raspberry Pi is recognised by its address', { client: BIOS, mac: PI }, [], 'raspberry-pi'],
  [
    'a Raspberry Pi of another series is recognised too',
    { client: BIOS, mac: hw('dc:a6:32:00:00:01') },
    [],
    'raspberry-pi',
  ],
  [
    'a Raspberry Pi of the newest series is recognised too',
    { client: BIOS, mac: hw('88:a2:9e:00:00:01') },
    [],
    'raspberry-pi',
  ],
  [
    'a Raspberry Pi with an address of its own is recognised by its option 97',
    { client: BIOS, mac: PC, uuid: PI_UUID },
    [],
    'raspberry-pi',
  ],
  [
    'none counts for option 97, too',
    { client: BIOS, mac: PC, uuid: PI_UUID },
    ['mac: "00:1b:21", quirk: none'],
    undefined,
  ],
  [
    'a prefix of the site is like a shipped one: a UEFI there has no quirk',
    { client: ARM, mac: PC },
    ['mac: "00:1b:21", quirk: raspberry-pi'],
    undefined,
  ],
  [
    'a prefix of the site is recognised',
    { client: BIOS, mac: PC },
    ['mac: "00:1b:21", quirk: raspberry-pi'],
    'raspberry-pi',
  ],
  ['a UEFI started on a Pi has no quirk, because it identifies itself', { client: ARM, mac: PI }, [], undefined],
  [
    'the operator’s rule takes precedence',
    { client: BIOS, mac: PI },
    ['mac: "b8:27:eb", quirk: plain-tftp'],
    'plain-tftp',
  ],
  ['none switches the table off', { client: BIOS, mac: PI }, ['mac: "b8:27:eb:12:34:56", quirk: none'], undefined],
  [
    'none applies to its own machine only',
    { client: BIOS, mac: PI },
    ['mac: "b8:27:eb:12:34:57", quirk: none'],
    'raspberry-pi',
  ],
  [
    'the longest prefix counts, in whatever order',
    { client: BIOS, mac: PC },
    ['mac: "00:1b", quirk: plain-tftp', 'mac: "00:1b:21:12", quirk: boot-server', 'mac: "00:1b:21", quirk: none'],
    'boot-server',
  ],
  [
    'a UUID is narrower than an address',
    { client: UEFI, mac: PC, uuid: UUID },
    ['mac: "00:1b:21:12:34:56", quirk: none', `uuid: "${UUID.toUpperCase()}", quirk: boot-server`],
    'boot-server',
  ],
  [
    'a vendor class matches by its beginning',
    { client: UEFI, mac: PC, vendorClass: 'PXEClient:Arch:00007:UNDI:003016' },
    ['vendor_class: "PXEClient:Arch:00007", quirk: boot-server'],
    'boot-server',
  ],
  [
    'every condition of a rule must hold',
    { client: UEFI, mac: PC, vendorClass: 'PXEClient:Arch:00007:UNDI:003016' },
    ['mac: "00:1b:22", vendor_class: "PXEClient", quirk: boot-server'],
    undefined,
  ],
  [
    'a machine without a UUID matches no rule with one',
    { client: UEFI, mac: PC },
    [`uuid: "${UUID}", quirk: boot-server`],
    undefined,
  ],
];

for (const [name, query, lines, expected] of CASES) {
  test(name, () => assert.equal(findQuirk(query, rules(...lines))?.name, expected));
}

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ['a rule without a machine', 'quirk: none', /names no machine: add mac, uuid or vendor_class/],
  ['an unknown quirk', 'mac: "00:1b:21", quirk: magic', /quirk: expected one of raspberry-pi, boot-server, pl/],
  ['a malformed address', 'mac: "001b21", quirk: none', /mac: expected a hardware address or its first bytes/],
  ['a malformed UUID', 'uuid: "4c4c", quirk: none', /uuid: expected a UUID such as/],
];

for (const [name, line, expected] of REFUSED) {
  test(`${name} is refused`, () => {
    const parsed = parseConfig(`boot: { quirks: [{ ${line} }] }`);
    assert.ok(!parsed.ok);
    assert.match(formatProblems('f', parsed.problems), expected);
  });
}

function plan(client: BootClient, mac: typeof PI, loaders: readonly [string, string][], ...lines: string[]): BootPlan {
  const config = bootConfig({ quirks: rules(...lines), loaders: new Map(loaders) });
  return planBoot({ client, mac, serverAddress: RACK }, config) ?? assert.fail();
}

test('a Raspberry Pi gets the text that its ROM requires, and never an x86 loader', () => {
  const { file, vendorClass, vendorOptions, pathPrefix, reason } = plan(BIOS, PI, [['0', 'undionly.kpxe']]);
  assert.deepEqual([file, vendorClass, pathPrefix], ['bootcode.bin', 'PXEClient', undefined]);
  assert.equal(
    Buffer.from(vendorOptions ?? []).toString('hex'),
    '0601030a040050584509140000115261737062657272792050692042' + '6f6f74ff',
  );
  assert.deepEqual(reason, { quirk: 'raspberry-pi', quirkArchitecture: 41 });
});

test('boot.loaders names another file for a Raspberry Pi, by its architecture', () => {
  assert.equal(plan(BIOS, PI, [['41', 'pi/start4.elf']]).file, 'pi/start4.elf');
});

test('a machine that cannot load by HTTP gets no prefix', () => {
  const { file, pathPrefix } = plan(BIOS, PC, [], 'mac: "00:1b:21", quirk: plain-tftp');
  assert.deepEqual([file, pathPrefix], ['lpxelinux.0', undefined]);
});

test('the boot-server quirk only changes how the client learns its file', () => {
  const { file, proxyReply, reason } = plan(UEFI, PC, [], 'mac: "00:1b:21", quirk: boot-server');
  assert.deepEqual([file, proxyReply], ['bootx64.efi', 'binl']);
  assert.deepEqual(reason, { quirk: 'boot-server', quirkArchitecture: undefined });
});

test('each quirk names its firmware and its workaround', () => {
  for (const name of QUIRK_NAMES) {
    const quirk = QUIRKS[name];
    assert.equal(quirk.name, name);
    assert.ok(QUIRK_FIRMWARE[name].length > 5 && /\.$/.test(quirk.explanation), name);
  }
});
