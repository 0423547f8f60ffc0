// The configuration that each loader gets for each thing that a machine may boot. Firmware whose texts differ in the architecture alone shares
// one, and each begins with the purpose that the timeline shows. Secure Boot changes no text: shim starts the same GRUB, which asks for the same names.

import { resolveBootAsset } from '../../src/boot/asset.ts';
import { formatConfigPath, type LoaderLanguage } from '../../src/boot/paths.ts';
import { profileList } from '../../src/config/profile-list.ts';
import type { BootPurpose } from '../../src/machines/machine.ts';
import { assetContext, endpoints, type Given, images, MACS, machine, PEER } from '../boot/rack.ts';
import { hw, RACK } from '../support/lab-facts.ts';

interface Firmware {
  readonly name: string;
  readonly language: LoaderLanguage;
  readonly architecture: string;
  readonly given?: Given;
  /** In front of the name that it asks for. */
  readonly prefix?: string;
}

const FIRMWARE: readonly Firmware[] = [
  { name: 'BIOS, pxelinux', language: 'pxelinux', architecture: 'amd64' },
  { name: 'BIOS, pxelinux after iPXE', language: 'pxelinux', architecture: 'amd64', given: { isIpxe: true } },
  { name: 'UEFI amd64, GRUB', language: 'grub', architecture: 'amd64' },
  {
    name: 'UEFI amd64, GRUB of a rack with HTTP on port 80',
    language: 'grub',
    architecture: 'amd64',
    given: { config: { http: endpoints('10.20.0.1:5248', '10.20.0.1:80') } },
  },
  { name: 'UEFI arm64, GRUB', language: 'grub', architecture: 'arm64' },
  { name: 'UEFI riscv64, GRUB', language: 'grub', architecture: 'riscv64' },
  { name: 'amd64, iPXE', language: 'ipxe', architecture: 'amd64' },
  { name: 'arm64, iPXE', language: 'ipxe', architecture: 'arm64' },
  { name: 'loong64, iPXE', language: 'ipxe', architecture: 'loong64' },
  ...(['armhf', 'arm64', 'riscv64'] as const).map(
    (cpu): Firmware => ({
      name: `${cpu}, U-Boot`,
      language: 'pxelinux',
      architecture: cpu,
      given: { isUBoot: true, cpu },
    }),
  ),
  { name: 'ppc64el, petitboot', language: 'pxelinux', architecture: 'ppc64el', prefix: 'ppc64el/' },
  { name: 's390x', language: 'pxelinux', architecture: 's390x', prefix: 's390x/' },
];

const STRANGER = hw('52:54:00:99:99:99');
const MODULES = ['chain.c32', 'menu.c32', 'libcom32.c32', 'libutil.c32', 'ifcpu64.c32', 'poweroff.c32', 'memdisk'];
const LIVE = ['profiles/live/vmlinuz', 'profiles/live/initrd', 'profiles/live/more'];
const IPXE = ['ipxe.lkrn', 'ipxe.efi', 'ipxe-arm64.efi'];
const environment = (architecture: string): readonly string[] => [
  ...images(`${architecture}/generic/bookworm/commissioning`),
  `dtbs/${architecture}/`,
];

/** What a machine has before it: the machine itself, and the rack's files and configuration. */
interface Case {
  /** Undefined: nobody knows it. */
  readonly purpose?: BootPurpose;
  readonly changes?: Parameters<typeof machine>[1];
  readonly files?: (architecture: string) => readonly string[];
  readonly given?: Given;
  /** The first name that a loader asks for, which tells nothing. */
  readonly isFirst?: true;
}

/** Of a machine that is deployed. @param more files of the tree besides those of the profile */
const booting = (profile: object, more: readonly string[] = [...MODULES, ...IPXE]): Case => ({
  purpose: 'local',
  files: () => [...LIVE, ...more],
  given: { config: { profiles: profileList.parse([{ name: 'live', machines: ['local-1'], ...profile }]) } },
});
const [file, initrd, second] = LIVE;
const KERNEL = { file, initrds: [initrd], arguments: 'h={hostname} m={mac} opt="a b"' };
const installer = (...more: readonly string[]) => ({
  purpose: 'install' as const,
  changes: { release: 'trixie' },
  files: (architecture: string) => [
    ...environment(architecture),
    ...images(`${architecture}/generic/trixie/install`),
    ...more.map((name) => `${architecture}/generic/trixie/install/${name}`),
  ],
});
const imported = (architecture: string) =>
  ['boot-kernel', 'boot-initrd', 'squashfs'].map((name) => `ubuntu/${architecture}/generic/noble/stable/${name}`);
const MENU = {
  menuSeconds: 10,
  profiles: profileList.parse([
    { name: 'live', title: 'A live system', offered: true, ...KERNEL },
    { name: 'shell', kind: 'ipxe', script: 'shell', offered: true },
    { name: 'disc', kind: 'iso', file, offered: true },
  ]),
};
const WHOLE = (architecture: string): readonly string[] => [...environment(architecture), ...MODULES, ...LIVE, ...IPXE];

const CASES: Readonly<Record<string, Case>> = {
  'unknown, by its first name': { isFirst: true },
  'unknown, by its first name, with every module': { isFirst: true, files: WHOLE },
  unknown: {},
  'unknown, which leaves the BMC': { given: { config: { bmcUser: false } } },
  'unknown, enlisting by the installer': { ...installer(), given: { config: { enlistWith: 'installer' } } },
  'unknown, enlisting by an imported system': {
    files: imported,
    given: { config: { enlistWith: { os: 'ubuntu', release: 'noble', label: undefined } } },
  },
  'unknown, without an image': { files: () => [] },
  'unknown, without HTTP': { given: { config: { http: [] } } },
  'unknown, with arguments that no loader can pass': { given: { config: { kernelParams: 'a="b' } } },
  'unknown, with arguments that some loaders cannot pass': { given: { config: { kernelParams: 'a || b\\c' } } },
  new: { purpose: 'enlist' },
  commissioning: { purpose: 'commissioning' },
  'rescue mode': { purpose: 'commissioning', changes: { statusName: 'Rescue mode', kernelParams: 'single' } },
  'erasing disks, of a sub-architecture': {
    purpose: 'commissioning',
    changes: { statusName: 'Disk erasing', subarchitecture: 'hwe-6.1', release: 'trixie' },
    files: (architecture) => images(`${architecture}/hwe-6.1/trixie/commissioning`),
  },
  'deploying an image': { purpose: 'install' },
  'deploying by the installer': installer(),
  'deploying by an installer in memory': installer('installer.iso'),
  'deploying, with the device tree of its board': { ...installer('dtb') },
  'deployed, of a tree without modules': { purpose: 'local' },
  deployed: { purpose: 'local', files: () => MODULES },
  ready: { purpose: 'poweroff' },
  'profile: a kernel': booting(KERNEL),
  'profile: a kernel with two initrds, one of a name': booting({ ...KERNEL, initrds: [initrd, `more=${second}`] }),
  'profile: a kernel of another host': booting({ file: 'https://files.example/vmlinuz' }),
  'profile: a disc': booting({ kind: 'iso', file }),
  'profile: a disk': booting({ kind: 'disk', file }),
  'profile: a program': booting({ kind: 'efi', file }),
  'profile: a script': booting({ kind: 'ipxe', script: `#!ipxe\necho {hostname} \${net0/mac}\nshell` }),
  'profile: a script, of a tree without iPXE': booting({ kind: 'ipxe', script: 'shell' }, MODULES),
  'profile: a file that is not there': booting({ file: 'profiles/absent' }),
  'profile: a value that it lacks': booting({ ...KERNEL, arguments: 'u={uuid}' }),
  'menu, unknown': { files: WHOLE, given: { config: MENU } },
  'menu, ready': { purpose: 'poweroff', files: WHOLE, given: { config: MENU } },
};

function textFor({ language, architecture, prefix = '', ...firmware }: Firmware, { purpose, ...given }: Case): string {
  const mac = purpose === undefined ? STRANGER : MACS[purpose];
  const bootToken = purpose === 'local' || purpose === 'poweroff' ? undefined : 'a-token';
  const known = purpose === undefined ? [] : [machine(purpose, { architecture, bootToken, ...given.changes })];
  const files = (given.files ?? environment)(architecture);
  const config = {
    kernelParams: 'console=ttyS0,115200n8 opt="a b"',
    ...firmware.given?.config,
    ...given.given?.config,
  };
  const identity =
    purpose === undefined ? ({ kind: 'default', architecture } as const) : ({ kind: 'mac', mac } as const);
  const first = language === 'pxelinux' ? 'pxelinux.cfg/default' : formatConfigPath(language, { kind: 'first' });
  const path = `${prefix}${given.isFirst === true ? first : formatConfigPath(language, identity)}`;
  const context = assetContext({ ...firmware.given, lease: mac, machines: known, files, config });
  const tokens = { tokenFor: () => known[0]?.bootToken };
  const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, { ...context, tokens });
  return asset.kind === 'rendered' ? `${asset.purpose}\n${asset.text}` : asset.kind;
}

/** Of every case and firmware. */
export function bootTexts(): string {
  const found: string[] = [];
  const cases = new Map<string, string>();
  for (const [name, one] of Object.entries(CASES)) {
    const texts = new Map<string, { readonly text: string; readonly names: string[] }>();
    for (const firmware of FIRMWARE) {
      const text = textFor(firmware, one);
      const alike = text.replaceAll(firmware.architecture, 'ARCH');
      const entry = texts.get(alike) ?? { text, names: [] };
      entry.names.push(firmware.name);
      texts.set(alike, entry);
    }
    for (const { text, names } of texts.values()) {
      const same = cases.get(text);
      found.push(`==== ${name}: ${names.join('; ')}`, same === undefined ? text : `as ${same}\n`);
      cases.set(text, same ?? name);
    }
  }
  return found.join('\n');
}
