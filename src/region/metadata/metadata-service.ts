// The region's side of what a machine reads and tells of itself while it installs and when it starts: metadata, preseeds, reports.
//
//   installer ── secret in the address of its preseed, at its present address ─► preseed (with the machine's key in it)
//   cloud-init, curtin, late commands ── that key ─► documents of the machine · signals · netboot off
//   cloud-init's webhook ── that key ─► signs of life, log; its last stage: Deployed
//
// 1. Every method that takes a machine is called for one that has shown who it is (`api/metadata-routes.ts`).
// 2. A preseed that cannot be rendered ends the deployment at once, with file and line: nobody waits for a machine that got no answers.
// 3. Only a machine that installs right now gets the answers of its installer.

import type { Clock } from '../../clock.ts';
import type { RegionConfig } from '../config.ts';
import { type BootProof, provesBoot, provesPreseed } from '../identity/boot-token.ts';
import type { MachineLife } from '../life/machine-life.ts';
import type { Signal } from '../life/signal.ts';
import type { PreseedResult } from '../preseed/preseed.ts';
import type { Purpose } from '../preseed/request.ts';
import type { MachineHomes } from '../racks/machine-homes.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineEventLevel } from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import type { RegionStore } from '../records/store.ts';
import { MachinePreseeds, type PreseedSurroundings } from './machine-preseeds.ts';
import { type AnswersAt, ProxyFinder } from './proxy-finder.ts';
import { meaningOf, type WebhookReport } from './reports.ts';

/** The disk is written: as `life/signal.ts` knows it. */
const WRITTEN = 'written';
const FAULT_CHARACTERS_MAX = 300;

/** What of a region it works on. */
export interface MetadataParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly life: MachineLife;
  readonly racks: { list(): readonly Rack[]; readonly homes: Pick<MachineHomes, 'isAway'> };
  config(): RegionConfig;
}

/** A kind of answers for an installer, as it is asked for. */
export type InstallerFile = 'preseed' | 'user-data' | 'meta-data';

export class MetadataService {
  readonly #parts: MetadataParts;
  readonly #proxies: ProxyFinder;
  readonly preseeds: MachinePreseeds;

  constructor(parts: MetadataParts, answersAt: AnswersAt) {
    this.#parts = parts;
    this.preseeds = new MachinePreseeds({ store: parts.store, clock: parts.clock, config: () => parts.config() });
    const { clock, racks } = parts;
    this.#proxies = new ProxyFinder({
      clock,
      racks,
      answersAt,
      configured: () => this.preseeds.install.httpProxy,
    });
  }

  /** @param origin base address as the machine reaches us */
  async surroundings(origin: string): Promise<PreseedSurroundings> {
    return { origin, httpProxy: await this.#proxies.find(origin) };
  }

  /** The machine of this id, when the caller shows that it is its present boot: by its token, or by the secret of its preseed. */
  findBooted(systemId: string, secret: string | undefined, proof: BootProof): Machine | undefined {
    const machine = this.#parts.store.findMachine(systemId);
    if (machine === undefined || this.#parts.racks.homes.isAway(machine, proof.address)) return undefined;
    const isProven = (secret !== undefined && provesPreseed(secret, proof, machine)) || provesBoot(proof, machine);
    return isProven ? machine : undefined;
  }

  /** What an installer is told; undefined: the machine is not one that installs, or it is no file for its present work. */
  installerFile(machine: Machine, file: InstallerFile, surroundings: PreseedSurroundings): PreseedResult | undefined {
    const purpose = installerPurpose(machine, file);
    if (purpose === undefined) return undefined;
    this.#parts.life.alive(machine.systemId, this.#parts.clock.wallTimeMs());
    return this.render(machine, purpose, surroundings);
  }

  /** A file for a machine. One that cannot be made ends its deployment. */
  render(machine: Machine, purpose: Purpose, surroundings: PreseedSurroundings): PreseedResult {
    const result = this.preseeds.render(machine, purpose, surroundings);
    if (!result.ok) {
      const message = `${result.file}:${result.line}: ${result.reason}`.slice(0, FAULT_CHARACTERS_MAX);
      this.signal(machine, { status: 'FAILED', stage: 'preseed', message });
    }
    return result;
  }

  /** The keys of the machine's owner. */
  sshKeys({ owner }: Machine): readonly string[] {
    return owner === undefined ? [] : this.#parts.store.life.listSshKeys(owner).map(({ key }) => key);
  }

  /** What its owner wants its system to run; undefined: nothing. */
  userData({ systemId }: Machine): Uint8Array | undefined {
    return this.#parts.store.life.userData(systemId);
  }

  /** Takes a signal. Of a machine that is not at work it is written down, and changes nothing. */
  signal(machine: Machine, signal: Signal): void {
    if (isAtWork(machine)) this.#parts.life.signal(machine.systemId, signal);
    else {
      const text = [signal.stage, signal.message].filter((part) => part !== '').join(': ');
      this.#record(machine, `${signal.status}${text === '' ? '' : `: ${text}`}`, levelOf(signal));
    }
  }

  /** The disk is written: from now on the machine starts it. */
  netbootOff(machine: Machine): void {
    if (machine.status === 'deploying' && machine.netboot)
      this.#parts.life.signal(machine.systemId, { status: 'OK', stage: WRITTEN, message: '' });
  }

  /** It shall start from the network once more: what it has written is not what it is to start. */
  netbootOn(machine: Machine): void {
    this.#parts.life.startFromNetwork(machine.systemId);
  }

  /** Takes a report of cloud-init or curtin. @param isInstalling it came from an environment that installs */
  report(machine: Machine, report: WebhookReport, isInstalling: boolean): void {
    const { signal, isFailure, isUp, text } = meaningOf(report, isInstalling);
    const isWorking = isAtWork(machine);
    if (isFailure || (isUp && !isWorking)) this.#record(machine, text, isFailure ? 'warning' : undefined);
    if (!isWorking) return;
    // That the environment which measures a machine has started is not the end of measuring.
    if (signal !== undefined && machine.status === 'deploying') this.#parts.life.signal(machine.systemId, signal);
    else this.#parts.life.alive(machine.systemId, this.#parts.clock.wallTimeMs());
  }

  #record({ systemId }: Machine, description: string, level: MachineEventLevel | undefined): void {
    const atMs = this.#parts.clock.wallTimeMs();
    this.#parts.store.recordEvent({ type: 'NODE_STATUS_EVENT', level, description, atMs, username: '' }, systemId);
  }
}

/**
 * True for the work that a machine does with a key of its own. What it says while it is rescued, tested or erased comes from the system
 * that it had before, and is no word of that work.
 */
const isAtWork = ({ status }: Machine): boolean => status === 'deploying' || status === 'commissioning';
const levelOf = ({ status }: Signal): MachineEventLevel | undefined => (status === 'FAILED' ? 'warning' : undefined);

/** For which purpose a machine may be rendered a file now; undefined: for none. */
function installerPurpose({ status, netboot, work }: Machine, file: InstallerFile): Purpose | undefined {
  if (status === 'commissioning' || status === 'testing') return file === 'preseed' ? 'commissioning' : undefined;
  if (status !== 'deploying' || !netboot || work?.deployBy === 'image') return undefined;
  switch (file) {
    case 'preseed':
      return 'install';
    case 'user-data':
      return 'autoinstall';
    case 'meta-data':
      return 'autoinstall_metadata';
  }
}
