// Renders the preseeds of machines at work from the region's records.
//
//   machine, its owner's keys, disk ─┐
//   configuration: mirrors, kernel ──┼─► PreseedRequest ─► template found by name ─► text, or file and line of the mistake
//   proxy, origin, the machine's key ┘
//
// 1. A machine's secrets go only into texts for that machine; the caller has authenticated it.
// 2. A person's preview is the text that the machine would get from the same records, with words in
//    place of its key.

import { TextDirectory } from '../../files/text-directory.ts';
import type { Clock } from '../../ground/clock.ts';
import { listDisks } from '../layout/disks.ts';
import { type PreseedResult, renderPreseed } from '../preseed/preseed.ts';
import {
  DEFAULT_MIRRORS,
  type InstallConfig,
  type PreseedRequest,
  type Purpose,
  STAND_IN,
} from '../preseed/request.ts';
import { SHIPPED_DIRECTORY, TemplateSource } from '../preseed/template-source.ts';
import { cloudConfigLines } from '../preseed/variables.ts';
import type { MachineCredentials } from '../records/life-store.ts';
import type { Machine } from '../records/machine.ts';
import type { MistakeAt } from '../records/preseed-mistake.ts';
import type { RegionStore } from '../records/store.ts';
import { combineKernelParams } from '../records/tags.ts';
import { keyOfMachine } from './machine-keys.ts';

// How an installer finds the disk that a person chose. A kernel may name disks differently at each
// boot, and the wrong one would be overwritten.
//
// Sources: udev's 60-persistent-storage.rules (the contents of ID_SERIAL), Ubuntu's autoinstall
// reference (`match`: `serial` is a shell pattern for ID_SERIAL).
//
// 1. ID_SERIAL is the serial number for virtio, and model and serial number for NVMe and ATA. It
//    differs for SCSI, so SCSI disks are matched by name.
// 2. A pattern that also matches another disk in the inventory is not used.

/** A serial number without pattern characters, and long enough to be unique. */
const PLAIN_SERIAL = /^[A-Za-z0-9._:+-]{6,64}$/;

type DiskChoice = Pick<Machine, 'work'> & { readonly facts?: Pick<NonNullable<Machine['facts']>, 'disks'> | undefined };

/** The serial-number pattern of the chosen disk; empty if none is chosen, or only its name identifies it. */
export function serialPattern({ work, facts }: DiskChoice): string {
  const disks = facts?.disks ?? [];
  const chosen = disks.find(({ name }) => name === work?.disk);
  if (chosen === undefined || !PLAIN_SERIAL.test(chosen.serial)) return '';
  const { serial, bus } = chosen;
  if (disks.some((disk) => disk !== chosen && `${disk.model}_${disk.serial}`.includes(serial))) return '';
  if (bus === 'virtio') return serial;
  return bus === 'nvme' || bus === 'ata' ? `*_${serial}*` : '';
}

const DEFAULT_INSTALL: InstallConfig = {
  preseeds: { directory: '/etc/rackboot/preseeds', mirrors: DEFAULT_MIRRORS },
  httpProxy: '',
  kernelParams: '',
};

/** A rack's origin for trial renderings; only its form matters. */
const SOME_ORIGIN = 'http://192.0.2.1:5248';

export interface MachinePreseedsDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly config: () => { readonly install?: InstallConfig | undefined };
  /** The NTP servers of the site, by address; empty: each system's own. */
  readonly ntpServers: () => readonly string[];
}

export interface PreseedOptions {
  /** The base URL at which the machine reaches the region: `http://10.20.0.1:5248`. */
  readonly origin: string;
  readonly httpProxy: string;
}

export class MachinePreseeds {
  readonly #deps: MachinePreseedsDeps;
  #templates: { readonly directory: string; readonly source: TemplateSource } | undefined;

  constructor(deps: MachinePreseedsDeps) {
    this.#deps = deps;
  }

  get install(): InstallConfig {
    return this.#deps.config().install ?? DEFAULT_INSTALL;
  }

  get templates(): TemplateSource {
    const { directory } = this.install.preseeds;
    if (this.#templates?.directory !== directory) {
      const source = new TemplateSource(new TextDirectory(directory), new TextDirectory(SHIPPED_DIRECTORY));
      this.#templates = { directory, source };
    }
    return this.#templates.source;
  }

  async requestFor(
    machine: Machine,
    purpose: Purpose,
    surroundings: PreseedOptions,
    credentials: MachineCredentials | undefined,
  ): Promise<PreseedRequest> {
    const { store } = this.#deps;
    const { osystem, release, owner, work } = machine;
    const disks = listDisks(machine);
    const chosen = disks.find(({ facts }) => facts.name === work?.disk);
    const keys = owner === undefined ? [] : await store.life.listSshKeys(owner);
    return {
      ...this.#base(purpose, surroundings),
      machine,
      osystem,
      release,
      installDisk: diskPath(chosen?.kernelName ?? work?.disk),
      installDiskSerial: serialPattern({ work, facts: { disks: disks.map(({ facts }) => facts) } }),
      sshKeys: keys.map(({ key }) => key),
      kernelParams: combineKernelParams(machine) ?? this.install.kernelParams,
      credentials,
    };
  }

  /**
   * Why none of this machine's preseeds can be rendered, with file and line; `undefined` if the
   * current templates render one.
   */
  async installProblem(machine: Machine): Promise<MistakeAt | undefined> {
    const surroundings = { origin: SOME_ORIGIN, httpProxy: this.install.httpProxy };
    const results = await Promise.all(
      installerPurposes(machine.osystem).map(async (purpose) =>
        renderPreseed(await this.requestFor(machine, purpose, surroundings, STAND_IN), this.templates),
      ),
    );
    const [first] = results;
    return first === undefined || first.ok || results.some(({ ok }) => ok) ? undefined : first;
  }

  async render(machine: Machine, purpose: Purpose, surroundings: PreseedOptions): Promise<PreseedResult> {
    return renderPreseed(await this.#request(machine, purpose, surroundings), this.templates);
  }

  renderEnlistment(purpose: 'enlist' | 'enlist_userdata', surroundings: PreseedOptions): PreseedResult {
    const request = { ...this.#base(purpose, surroundings), kernelParams: this.install.kernelParams };
    return renderPreseed(request, this.templates);
  }

  /**
   * A file for `/etc/cloud/cloud.cfg.d` that tells an installed system's cloud-init where its
   * metadata is.
   */
  async cloudConfig(machine: Machine, surroundings: PreseedOptions): Promise<string> {
    const lines = cloudConfigLines(await this.#request(machine, 'vendordata', surroundings));
    return lines === undefined ? '' : lines.map((line) => `${line}\n`).join('');
  }

  async #request(machine: Machine, purpose: Purpose, surroundings: PreseedOptions): Promise<PreseedRequest> {
    const { store, clock } = this.#deps;
    return await this.requestFor(machine, purpose, surroundings, await keyOfMachine(store, clock, machine.systemId));
  }

  #base(purpose: Purpose, { origin, httpProxy }: PreseedOptions): PreseedRequest {
    return {
      purpose,
      machine: undefined,
      osystem: '',
      release: '',
      serverUrl: `${origin}/MAAS`,
      httpProxy,
      mirrors: this.install.preseeds.mirrors,
      installDisk: '',
      installDiskSerial: '',
      sshKeys: [],
      kernelParams: '',
      ntpServers: this.#deps.ntpServers(),
      credentials: undefined,
    };
  }
}

const installerPurposes = (osystem: string): readonly Purpose[] =>
  osystem === 'ubuntu' ? ['autoinstall', 'install'] : ['install'];

/** A disk's device path for installers; empty if none was chosen. */
const diskPath = (disk: string | undefined): string =>
  disk === undefined || disk === '' || disk.startsWith('/') ? (disk ?? '') : `/dev/${disk}`;
