// Profiles: which machine boots which, and what fixtures/golden/boot-texts.txt has no case of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { fillTemplate, findProfile, parseBootFile, parseProfileInitrd, SAMPLE_VALUES } from '../../src/boot/profile.ts';
import { profileList } from '../../src/config/profile-list.ts';
import { DEVICE_STATE } from '../../src/machines/machine.ts';
import { hw, RACK } from '../support/lab-facts.ts';
import { assetContext, type Given, images, MACS, machine, PEER } from './rack.ts';

const STRANGER = hw('52:54:00:aa:00:01');
const KERNEL = { name: 'live', file: 'profiles/live/vmlinuz', initrds: ['profiles/live/initrd'] };
const LIVE_FILES = ['profiles/live/vmlinuz', 'profiles/live/initrd'];

function rendered(path: string, profiles: readonly unknown[], given: Given = {}) {
  const config = { ...given.config, profiles: profileList.parse(profiles) };
  const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, assetContext({ ...given, config }));
  return asset.kind === 'rendered' ? asset : assert.fail(`${path}: ${asset.kind}`);
}

const PXELINUX = 'pxelinux.cfg/01-52-54-00-00-00-0d';
const GRUB = 'grub/grub.cfg-52:54:00:00:00:0d';
const IPXE = 'ipxe.cfg-52-54-00-00-00-0d';

const linesOf = (path: string, profile: object, given: Given = {}): readonly string[] =>
  rendered(path, [{ name: 'live', machines: ['local-1'], ...profile }], given)
    .text.trimEnd()
    .split('\n')
    .slice(1);

test('pxelinux loads two initrds by one line', () => {
  const initrds = [...KERNEL.initrds, 'http://files.example/more.img'];
  const lines = linesOf(PXELINUX, { ...KERNEL, initrds }, { files: LIVE_FILES });
  assert.ok(lines.includes('  INITRD profiles/live/initrd,http://files.example/more.img'), lines.join('\n'));
});

test('GRUB starts a kernel without initrds', () =>
  assert.deepEqual(linesOf(GRUB, { file: 'profiles/live/vmlinuz' }, { files: LIVE_FILES }).slice(2, 6), [
    `  if linux "$1"'/profiles/live/vmlinuz' 'BOOTIF=01-52-54-00-00-00-0d'; then`,
    "    echo 'Rackboot: starting the kernel.'",
    '    boot',
    '  fi',
  ]));

test('a machine of another architecture does not boot the profile', () => {
  const profile = { ...KERNEL, machines: ['local-1'], architecture: 'arm64' };
  assert.equal(rendered(IPXE, [profile], { files: LIVE_FILES }).purpose, 'local');
});

const TAGGED = machine('poweroff', { tags: ['gpu'], pool: 'lab' });
const subject = { machine: TAGGED, macs: TAGGED.macs, architecture: 'amd64' };
const named = (profiles: readonly object[]) => {
  const list = profiles.map((one, index) => ({ name: `p${index}`, file: 'x', ...one }));
  return findProfile(profileList.parse(list), subject)?.name;
};

test('the narrowest profile wins: machine, tag, pool, then the first of the list', () => {
  assert.equal(named([{ pools: ['lab'] }, { tags: ['gpu'] }, { machines: ['52:54:00:00:00:0F'] }]), 'p2');
  assert.equal(named([{ pools: ['lab'] }, { tags: ['gpu'] }, { tags: ['gpu'] }]), 'p1');
  assert.equal(named([{ pools: ['lab'] }, { unknown: true }]), 'p0');
  assert.equal(named([{ unknown: true }, { tags: ['other'] }]), undefined);
});

test('a machine that a profile excepts does not boot it, but the next one that fits', () => {
  assert.equal(named([{ tags: ['gpu'], except: [TAGGED.systemId] }]), undefined);
  assert.equal(named([{ tags: ['gpu'], except: ['poweroff-1'] }, { pools: ['lab'] }]), 'p1');
});

test('a name that a machine gave itself finds no profile, but its system id and hardware address do', () => {
  const purposeOf = (entry: string, isSelfNamed?: true) => {
    const machines = [machine('local', { systemId: 'abc346', isSelfNamed })];
    return rendered(IPXE, [{ ...KERNEL, machines: [entry] }], { files: LIVE_FILES, machines }).purpose;
  };
  assert.equal(purposeOf('local-1'), 'profile:live');
  assert.equal(purposeOf('local-1', true), 'local');
  assert.equal(purposeOf('abc346', true), 'profile:live');
  assert.equal(purposeOf('52:54:00:00:00:0d', true), 'profile:live');
});

test('a device of a user counts as a machine nobody knows, whatever its name and its other interfaces', () => {
  const device = machine('enlist', {
    systemId: 'abc346',
    statusName: DEVICE_STATE,
    hostname: 'future-db',
    macs: [STRANGER, MACS.enlist],
  });
  const files = [
    ...LIVE_FILES,
    'amd64/generic/bookworm/commissioning/linux',
    'amd64/generic/bookworm/commissioning/initrd.gz',
  ];
  const purposeOf = (profile: object, path = 'ipxe.cfg-52-54-00-00-00-0e') =>
    rendered(path, [{ ...KERNEL, ...profile }], { files, machines: [device] }).purpose;
  const own = { machines: ['future-db', '52:54:00:aa:00:01'] };
  assert.equal(purposeOf(own), 'enlist');
  assert.equal(purposeOf(own, 'ipxe.cfg-52-54-00-aa-00-01'), 'profile:live');
  assert.equal(purposeOf({ unknown: true }), 'profile:live');
});

test('work for the region comes before a profile', () => {
  const profiles = [{ ...KERNEL, machines: ['commissioning-1', 'local-1'] }];
  const files = [
    ...LIVE_FILES,
    ...['linux', 'initrd.gz'].map((name) => `amd64/generic/bookworm/commissioning/${name}`),
  ];
  assert.equal(rendered('ipxe.cfg-52-54-00-00-00-0c', profiles, { files }).purpose, 'commissioning');
  const working = [machine('local', { bootToken: 'x'.repeat(32) })];
  assert.equal(rendered(IPXE, profiles, { files, machines: working }).purpose, 'local');
});

test('a rack without a region boots the profile of a hardware address, and one for machines nobody knows', () => {
  const files = LIVE_FILES;
  const own = [{ ...KERNEL, machines: ['52:54:00:aa:00:01'] }];
  assert.equal(rendered('ipxe.cfg-52-54-00-aa-00-01', own, { files, machines: [] }).purpose, 'profile:live');
  const given = { files, machines: [], lease: STRANGER };
  assert.equal(rendered('pxelinux.cfg/default', own, given).purpose, 'profile:live');
  assert.equal(rendered('grub/grub.cfg-default-amd64', [{ ...KERNEL, unknown: true }], given).purpose, 'profile:live');
});

const MENU = [
  { ...KERNEL, title: 'A live system', offered: true },
  { name: 'shell', kind: 'ipxe', script: 'shell', offered: true },
  { name: 'hidden', file: 'profiles/live/vmlinuz' },
];
const menu = (path: string, more: readonly string[] = []): readonly string[] =>
  rendered(path, MENU, { files: [...LIVE_FILES, ...more], config: { menuSeconds: 10 } }).text.split('\n');

test('a menu for a machine nobody knows can register it, at once or instead of a profile for strangers', () => {
  const files = [...LIVE_FILES, ...images('amd64/generic/bookworm/commissioning')];
  const titles = (profiles: readonly unknown[]) => {
    const { step } = rendered('ipxe.cfg-default-amd64', profiles, { files, config: { menuSeconds: 10 } });
    return step.kind === 'menu' ? step.entries.map(({ title }) => title) : [];
  };
  const [offered] = MENU;
  assert.deepEqual(titles([offered]), ['Register this machine', 'A live system']);
  const forStrangers = { name: 'other', file: 'profiles/live/vmlinuz', unknown: true };
  assert.deepEqual(titles([forStrangers, offered]), [
    'unknown machine: other',
    'Register this machine',
    'A live system',
  ]);
});

test('a menu of pxelinux leaves out what the tree cannot start, and has no picture without its modules', () => {
  const lines = menu(PXELINUX, ['menu.c32', 'libcom32.c32', 'libutil.c32']);
  assert.ok(lines.includes('LABEL 1') && !lines.includes('LABEL 2'));
  assert.ok(menu(PXELINUX, ['ipxe.lkrn']).includes('LABEL 2'));
  assert.ok(menu(PXELINUX).includes('PROMPT 1'));
});

test('a loader that iPXE started shows no second menu, and iPXE shows its own', () => {
  const given = { files: LIVE_FILES, config: { menuSeconds: 10 }, isIpxe: true };
  assert.ok(!rendered(GRUB, MENU, given).text.includes('menuentry'));
  assert.ok(!rendered(PXELINUX, MENU, given).text.includes('MENU'));
  assert.ok(rendered(IPXE, MENU, given).text.includes('choose'));
});

const EVERYTHING = [...LIVE_FILES, 'memdisk', 'ipxe.lkrn', 'ipxe.efi', 'ipxe-arm64.efi'];

/** Given a Ready machine of this architecture. */
const ready = (architecture: string, more: Given = {}): Given => ({
  machines: [machine('poweroff', { macs: [MACS.local], architecture })],
  files: EVERYTHING,
  config: { menuSeconds: 10 },
  ...more,
});

for (const [name, given] of [
  ['on x86', ready('amd64', { isUBoot: true })],
  ['for work that cannot start', ready('riscv64', { machines: [machine('enlist', { architecture: 'riscv64' })] })],
] as const)
  test(`U-Boot ${name} gets its own step alone, because it tries each label of a menu by itself`, () => {
    const path = given.machines?.[0]?.purpose === 'enlist' ? 'pxelinux.cfg/01-52-54-00-00-00-0e' : PXELINUX;
    const labels = rendered(path, MENU, given).text.match(/^LABEL .*$/gm);
    assert.equal(labels?.length, 1);
    assert.ok(!rendered(path, MENU, given).text.includes('profiles/'));
  });

test('U-Boot is told that it cannot load two initrds', () => {
  const profile = { ...KERNEL, initrds: [...KERNEL.initrds, ...KERNEL.initrds], machines: ['poweroff-1'] };
  assert.equal(rendered(PXELINUX, [profile], ready('arm64')).purpose, 'loader-cannot');
});

test('there is no menu while a machine works for the region', () => {
  const given = { files: [], config: { menuSeconds: 10 } };
  assert.ok(!rendered('ipxe.cfg-52-54-00-00-00-0c', MENU, given).text.includes('choose'));
  assert.equal(MACS.commissioning, hw('52:54:00:00:00:0c'));
});

test('a file is a plain path of the tree or a URL without credentials', () => {
  for (const good of ['profiles/a/b', 'memtest86+x64.bin', 'http://a.example:8080/x?y=1', 'https://a.example/x'])
    assert.equal(parseBootFile(good), good);
  const bad = ['/etc/shadow', '../x', 'a/../b', 'a//b', '.hidden', '', 'a b', 'file:///etc/shadow'];
  for (const text of [
    ...bad,
    'ftp://a.example/x',
    'http://u:p@a.example/x',
    'http://a.example/a,b',
    `http://a.example/\${x}`,
  ])
    assert.equal(parseBootFile(text), undefined, text);
  assert.deepEqual(parseProfileInitrd('BCD=profiles/bcd'), { name: 'BCD', file: 'profiles/bcd' });
  assert.deepEqual(parseProfileInitrd('http://a.example/x?y=1'), { name: undefined, file: 'http://a.example/x?y=1' });
});

test('a template is filled with values, and other braces stay', () => {
  const template = `ds=nocloud;s={base_url}/{hostname} cc:{datasource_list: [x]} \${uuid}`;
  assert.deepEqual(fillTemplate(template, SAMPLE_VALUES), {
    ok: true,
    text: `ds=nocloud;s=http://10.20.0.1:5248/calm-eagle cc:{datasource_list: [x]} \${uuid}`,
  });
});

const REFUSED: readonly [string, object, string][] = [
  ['an unknown value', { file: 'x', arguments: 'a={hostnam}' }, 'arguments'],
  ['a value that machines nobody knows lack', { file: 'x', arguments: 'a={hostname}', unknown: true }, 'arguments'],
  ['arguments that a loader cannot pass', { file: 'x', arguments: "a='b'" }, 'arguments'],
  ['no file', {}, 'file'],
  ['a file outside the tree', { file: '../x' }, 'file'],
  ['a script without a text', { kind: 'ipxe' }, 'script'],
  ['initrds of a disc', { kind: 'iso', file: 'x', initrds: ['y'] }, 'initrds'],
  ['a machine that is no name', { file: 'x', machines: ['a b'] }, 'machines'],
];

for (const [name, profile, key] of REFUSED) {
  test(`${name} is refused when the profile is written`, () => {
    const parsed = profileList.safeParse([{ name: 'p', ...profile }]);
    assert.equal(parsed.error?.issues[0]?.path[1], key);
  });
}

test('two profiles of one name are refused', () => {
  const parsed = profileList.safeParse([KERNEL, KERNEL]);
  assert.deepEqual(parsed.error?.issues[0]?.path, [1, 'name']);
});
