// The request for a preseed: its purpose, its machine and its values.

import type { MachineCredentials } from '../records/machine-credentials.ts';
import type { Language } from './context.ts';
import type { Variables } from './value.ts';

/** A kind of file for machines, with the names and the language of its templates. */
export interface PurposeDescription {
  /** The first part of its templates' names. */
  readonly prefix: string;
  readonly language: Language;
  /** Its meaning, for the documents. */
  readonly meaning: string;
}

/** The kinds of files that templates produce. */
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

/** The machine's part of a request. */
export interface PreseedMachine {
  readonly systemId: string;
  readonly hostname: string;
  /** Empty: none. */
  readonly domain: string;
  /** `amd64`. */
  readonly architecture: string;
  /** `generic`. */
  readonly subarchitecture: string;
}

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
  /** Every other architecture. */
  readonly ubuntuPorts: string;
}

export const DEFAULT_MIRRORS: Mirrors = {
  debian: 'http://ftp.debian.org/debian',
  ubuntu: 'http://archive.ubuntu.com/ubuntu',
  ubuntuPorts: 'http://ports.ubuntu.com/ubuntu-ports',
};

/** The configuration of preseeds. */
export interface PreseedConfig {
  /** The operator's templates, absolute; it need not exist. */
  readonly directory: string;
  readonly mirrors: Mirrors;
}

/** Settings for machines that install a system. */
export interface InstallConfig {
  readonly preseeds: PreseedConfig;
  /** The proxy's URL; empty: none. */
  readonly httpProxy: string;
  /** Kernel arguments for machines without their own. */
  readonly kernelParams: string;
}

/** All inputs of a rendering besides the templates. */
export interface PreseedRequest {
  readonly purpose: Purpose;
  /** `undefined` for an unknown machine, whose names are then undefined in templates. */
  readonly machine: PreseedMachine | undefined;
  /** `debian`, `ubuntu`; empty if none was chosen. */
  readonly osystem: string;
  /** `bookworm`, `jammy`. */
  readonly release: string;
  /** The region's URL for this machine, ending in `/MAAS`. */
  readonly serverUrl: string;
  /** Empty: none. */
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
