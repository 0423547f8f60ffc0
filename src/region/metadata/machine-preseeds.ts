// What a machine at work is told of its installation: the request for a preseed is filled from the region's records, and rendered.
//
//   machine, its owner's keys, disk ─┐
//   configuration: mirrors, kernel ──┼─► PreseedRequest ─► template of the search ─► text, or file and line of the mistake
//   proxy, origin, the machine's key ┘
//
// 1. The secrets of a machine go only into a text that is for that machine; who calls this has found out that it is.
// 2. The same records make the same text, for the machine and for a person who looks (there with words in place of the key).

import type { Clock } from '../../clock.ts';
import { TextDirectory } from '../../files/text-directory.ts';
import type { InstallConfig, RegionConfig } from '../config.ts';
import { type PreseedResult, renderPreseed } from '../preseed/preseed.ts';
import {
  DEFAULT_MIRRORS,
  type PreseedMachine,
  type PreseedRequest,
  type Purpose,
  STAND_IN,
} from '../preseed/request.ts';
import { SHIPPED_DIRECTORY, TemplateSource } from '../preseed/template-source.ts';
import { cloudConfigLines } from '../preseed/variables.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineCredentials } from '../records/machine-credentials.ts';
import type { RegionStore } from '../records/store.ts';
import { kernelParamsOf } from '../records/tags.ts';
import { serialPattern } from './disk-match.ts';
import { keyOfMachine } from './machine-keys.ts';

/** A configuration that says nothing of it. */
const DEFAULT_INSTALL: InstallConfig = {
  preseeds: { directory: '/etc/rackboot/preseeds', mirrors: DEFAULT_MIRRORS },
  kernelParams: '',
};

/** A rack's, of which nothing but its form matters. */
const SOME_ORIGIN = 'http://192.0.2.1:5248';

export interface MachinePreseedsParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly config: () => RegionConfig;
}

/** How the machine reaches us, and what stands between it and the mirrors. */
export interface PreseedSurroundings {
  /** `http://10.20.0.1:5248`. */
  readonly origin: string;
  /** Empty: none. */
  readonly httpProxy: string;
}

export class MachinePreseeds {
  readonly #parts: MachinePreseedsParts;
  #templates: { readonly directory: string; readonly source: TemplateSource } | undefined;

  constructor(parts: MachinePreseedsParts) {
    this.#parts = parts;
  }

  /** What the configuration says of installations. */
  get install(): InstallConfig {
    return this.#parts.config().install ?? DEFAULT_INSTALL;
  }

  /** The templates of the configuration in force. */
  get templates(): TemplateSource {
    const { directory } = this.install.preseeds;
    if (this.#templates?.directory !== directory) {
      const source = new TemplateSource(new TextDirectory(directory), new TextDirectory(SHIPPED_DIRECTORY));
      this.#templates = { directory, source };
    }
    return this.#templates.source;
  }

  /** What is asked for when a file of this purpose is made for a machine. @param credentials its key, or words in place of it */
  requestFor(
    machine: Machine,
    purpose: Purpose,
    surroundings: PreseedSurroundings,
    credentials: MachineCredentials | undefined,
  ): PreseedRequest {
    const { store } = this.#parts;
    const { osystem, release, owner, work } = machine;
    const keys = owner === undefined ? [] : store.life.listSshKeys(owner);
    return {
      ...this.#base(purpose, surroundings),
      machine: preseedMachine(machine),
      osystem,
      release,
      installDisk: diskPath(work?.disk),
      installDiskSerial: serialPattern(machine),
      sshKeys: keys.map(({ key }) => key),
      kernelParams: kernelParamsOf(machine) ?? this.install.kernelParams,
      credentials,
    };
  }

  /** Why no installer can be told its answers for this machine, with file and line; undefined: it can, as the templates are now. */
  installProblem(machine: Machine): string | undefined {
    const surroundings = { origin: SOME_ORIGIN, httpProxy: this.install.httpProxy ?? '' };
    const results = answersOf(machine.osystem).map((purpose) =>
      renderPreseed(this.requestFor(machine, purpose, surroundings, STAND_IN), this.templates),
    );
    const [first] = results;
    if (first === undefined || first.ok || results.some(({ ok }) => ok)) return undefined;
    return `${first.file}:${first.line}: ${first.reason}`;
  }

  /** The file of this purpose for a machine that has shown who it is. */
  render(machine: Machine, purpose: Purpose, surroundings: PreseedSurroundings): PreseedResult {
    return renderPreseed(this.#request(machine, purpose, surroundings), this.templates);
  }

  /** The file for a machine that nobody knows. */
  renderEnlistment(purpose: 'enlist' | 'enlist_userdata', surroundings: PreseedSurroundings): PreseedResult {
    const request = { ...this.#base(purpose, surroundings), kernelParams: this.install.kernelParams };
    return renderPreseed(request, this.templates);
  }

  /** Where cloud-init of an installed system finds its metadata: a file for `/etc/cloud/cloud.cfg.d`. */
  cloudConfig(machine: Machine, surroundings: PreseedSurroundings): string {
    const lines = cloudConfigLines(this.#request(machine, 'vendordata', surroundings));
    return lines === undefined ? '' : lines.map((line) => `${line}\n`).join('');
  }

  #request(machine: Machine, purpose: Purpose, surroundings: PreseedSurroundings): PreseedRequest {
    const { store, clock } = this.#parts;
    return this.requestFor(machine, purpose, surroundings, keyOfMachine(store, clock, machine.systemId));
  }

  #base(purpose: Purpose, { origin, httpProxy }: PreseedSurroundings): PreseedRequest {
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
      ntpServers: [],
      credentials: undefined,
    };
  }
}

/** What the installers of a distribution are told; of Ubuntu's each release has the one or the other. */
const answersOf = (osystem: string): readonly Purpose[] =>
  osystem === 'ubuntu' ? ['autoinstall', 'install'] : ['install'];

const preseedMachine = (machine: Machine): PreseedMachine => ({
  systemId: machine.systemId,
  hostname: machine.hostname,
  domain: machine.domain,
  architecture: machine.architecture,
  subarchitecture: machine.subarchitecture,
});

/** A disk as installers name it; empty: none was chosen. */
const diskPath = (disk: string | undefined): string =>
  disk === undefined || disk === '' || disk.startsWith('/') ? (disk ?? '') : `/dev/${disk}`;
