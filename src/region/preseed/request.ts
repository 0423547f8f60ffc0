// The request for a preseed: its purpose, its machine and its values.

import type { MachineCredentials } from '../records/life-store.ts';
import type { Machine } from '../records/machine.ts';
import type { Language } from './context.ts';
import type { Variables } from './value.ts';

export interface PurposeDescription {
  readonly prefix: string;
  readonly language: Language;
  readonly meaning: string;
}

export const PURPOSES = {
  install: {
    prefix: '',
    language: 'debconf',
    meaning: 'The answers for the Debian installer and for the installer of older Ubuntu.',
  },
  autoinstall: {
    prefix: 'autoinstall',
    language: 'yaml',
    meaning: "Ubuntu's installer since 20.04: its user data, with an `autoinstall` section.",
  },
  autoinstall_metadata: {
    prefix: 'autoinstall_metadata',
    language: 'yaml',
    meaning: "The metadata for Ubuntu's installer since 20.04.",
  },
  vendordata: {
    prefix: 'vendordata',
    language: 'yaml',
    meaning: "Rackboot's settings for cloud-init of an installed system, which user data override.",
  },
  curtin: {
    prefix: 'curtin',
    language: 'yaml',
    meaning: 'The location of the metadata, for an environment that runs curtin.',
  },
  curtin_userdata: {
    prefix: 'curtin_userdata',
    language: 'yaml',
    meaning: "Curtin's configuration.",
  },
  commissioning: {
    prefix: 'commissioning',
    language: 'yaml',
    meaning: 'The location of the metadata, for a commissioning environment with cloud-init.',
  },
  enlist: {
    prefix: 'enlist',
    language: 'yaml',
    meaning: 'The location of the metadata, for an unknown machine.',
  },
  enlist_userdata: {
    prefix: 'enlist_userdata',
    language: 'shell',
    meaning: 'The script that an unknown machine runs.',
  },
} as const satisfies Readonly<Record<string, PurposeDescription>>;

export type Purpose = keyof typeof PURPOSES;
export const PURPOSE_NAMES = Object.keys(PURPOSES).filter((name): name is Purpose => Object.hasOwn(PURPOSES, name));

type PreseedMachine = Pick<Machine, 'systemId' | 'hostname' | 'domain' | 'architecture' | 'subarchitecture' | 'tags'>;

/** Placeholders for a machine's key in previews. */
export const STAND_IN: MachineCredentials = {
  consumerKey: 'CONSUMER-KEY',
  tokenKey: 'TOKEN-KEY',
  tokenSecret: 'TOKEN-SECRET',
};

/** The package mirrors of installers: URLs without a trailing slash. */
interface Mirrors {
  readonly debian: string;
  /** amd64 and i386. */
  readonly ubuntu: string;
  readonly ubuntuPorts: string;
}

export const DEFAULT_MIRRORS: Mirrors = {
  debian: 'http://ftp.debian.org/debian',
  ubuntu: 'http://archive.ubuntu.com/ubuntu',
  ubuntuPorts: 'http://ports.ubuntu.com/ubuntu-ports',
};

/** The configuration of preseeds. */
export interface PreseedConfig {
  readonly directory: string;
  readonly mirrors: Mirrors;
}

/** Settings for machines that install a system. */
export interface InstallConfig {
  readonly preseeds: PreseedConfig;
  readonly httpProxy: string;
  readonly kernelParams: string;
}

export interface PreseedRequest {
  readonly purpose: Purpose;
  /** `undefined` for an unknown machine, whose names are then undefined in templates. */
  readonly machine: PreseedMachine | undefined;
  readonly osystem: string;
  readonly release: string;
  /** The region's URL for this machine, ending in `/MAAS`. */
  readonly serverUrl: string;
  readonly httpProxy: string;
  readonly mirrors: Mirrors;
  /** A device such as `/dev/vda`; empty: the first disk. */
  readonly installDisk: string;
  /** A pattern for its `ID_SERIAL` of udev; empty: the disk is identified by name. */
  readonly installDiskSerial: string;
  readonly sshKeys: readonly string[];
  readonly kernelParams: string;
  readonly ntpServers: readonly string[];
  /** The machine's key; if `undefined`, templates that use it fail by name. */
  readonly credentials: MachineCredentials | undefined;
  /** Values that replace or extend the derived ones. */
  readonly overrides?: Variables | undefined;
}
