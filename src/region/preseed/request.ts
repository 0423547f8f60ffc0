// What is asked for when a preseed is rendered: for which purpose, for which machine, and with what.

import type { MachineCredentials } from '../records/machine-credentials.ts';
import type { Language } from './place.ts';
import type { Variables } from './value.ts';

/** A kind of file that a machine is given, with what its templates are called and written in. */
export interface PurposeDescription {
  /** The first part of its templates' names. */
  readonly prefix: string;
  readonly language: Language;
  /** For the documents. */
  readonly meaning: string;
}

/** The kinds of files that templates make. */
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
    meaning: 'The meta data beside that.',
  },
  vendordata: {
    prefix: 'vendordata',
    language: 'yaml',
    meaning: 'What cloud-init of an installed system is told by us, below what the user data say.',
  },
  curtin: {
    prefix: 'curtin',
    language: 'yaml',
    meaning: 'Where an environment that runs curtin finds its metadata.',
  },
  curtin_userdata: {
    prefix: 'curtin_userdata',
    language: 'yaml',
    meaning: "Curtin's configuration.",
  },
  commissioning: {
    prefix: 'commissioning',
    language: 'yaml',
    meaning: 'Where an environment with cloud-init finds its metadata when it measures a machine.',
  },
  enlist: {
    prefix: 'enlist',
    language: 'yaml',
    meaning: 'The same for a machine that nobody knows yet.',
  },
  enlist_userdata: {
    prefix: 'enlist_userdata',
    language: 'shell',
    meaning: 'What a machine that nobody knows runs there.',
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

/** What stands for the key of a machine where people read. */
export const STAND_IN: MachineCredentials = {
  consumerKey: 'CONSUMER-KEY',
  tokenKey: 'TOKEN-KEY',
  tokenSecret: 'TOKEN-SECRET',
};

/** Where installers find their packages, as URLs without a slash at the end. */
export interface Mirrors {
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

/** The part of the configuration that preseeds are made by. */
export interface PreseedConfig {
  /** The operator's templates, absolute; it need not exist. */
  readonly directory: string;
  readonly mirrors: Mirrors;
}

/** Everything that a rendering depends on, the templates aside. */
export interface PreseedRequest {
  readonly purpose: Purpose;
  /** Undefined: nobody knows the machine; templates then have no names for it. */
  readonly machine: PreseedMachine | undefined;
  /** `debian`, `ubuntu`; empty: none was chosen. */
  readonly osystem: string;
  /** `bookworm`, `jammy`. */
  readonly release: string;
  /** The region as this machine reaches it, ending in `/MAAS`. */
  readonly serverUrl: string;
  /** Empty: none. */
  readonly httpProxy: string;
  readonly mirrors: Mirrors;
  /** A device such as `/dev/vda`; empty: the first that there is. */
  readonly installDisk: string;
  /** A pattern of its serial number, as udev has it in `ID_SERIAL`; empty: its name must do. */
  readonly installDiskSerial: string;
  readonly sshKeys: readonly string[];
  readonly kernelParams: string;
  readonly ntpServers: readonly string[];
  /** Undefined: it has none, and templates that need some fail by name. */
  readonly credentials: MachineCredentials | undefined;
  /** Values instead of those that follow from the rest, or beside them. */
  readonly overrides?: Variables | undefined;
}
