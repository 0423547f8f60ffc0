// The region's side of metadata, preseeds and reports, for machines that install or start.
//
//   installer ── secret in its preseed's URL, at its current address ─► preseed (which contains the machine's key)
//   cloud-init, curtin, late commands ── that key ─► the machine's documents · signals · netboot off
//   cloud-init's webhook ── that key ─► signs of life, log; its last stage: Deployed
//
// 1. Callers have authenticated the machine that they pass to a method (`http/metadata-routes.ts`).
// 2. A preseed that cannot be rendered fails the deployment at once, with file and line, instead of
//    letting it time out.
// 3. Only a machine that is installing now gets its installer's preseed.

import type { Clock } from '../../ground/clock.ts';
import { type BootProof, provesBoot, provesPreseed } from '../identity/boot-token.ts';
import type { MachineLife } from '../life/machine-life.ts';
import type { Signal } from '../life/signal.ts';
import type { PreseedResult } from '../preseed/preseed.ts';
import type { Purpose } from '../preseed/request.ts';
import type { MachineHomes } from '../racks/machine-homes.ts';
import type { Happening } from '../records/events.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineEventLevel } from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import type { RegionStore } from '../records/store.ts';
import { MachinePreseeds, type MachinePreseedsDeps, type PreseedOptions } from './machine-preseeds.ts';
import { interpretReport, type WebhookReport } from './reports.ts';

/** The stage of `life/signal.ts` for a written disk. */
const WRITTEN = 'written';

interface MetadataDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly life: MachineLife;
  readonly racks: { list(): readonly Rack[]; readonly homes: Pick<MachineHomes, 'isAway'> };
  readonly settings: { ntpServers(): readonly string[] };
  config: MachinePreseedsDeps['config'];
}

type InstallerFile = 'preseed' | 'user-data' | 'meta-data';

export class MetadataService {
  readonly #deps: MetadataDeps;
  readonly preseeds: MachinePreseeds;

  constructor(deps: MetadataDeps) {
    this.#deps = deps;
    this.preseeds = new MachinePreseeds({
      store: deps.store,
      clock: deps.clock,
      config: () => deps.config(),
      ntpServers: () => deps.settings.ntpServers(),
    });
  }

  surroundings(origin: string): PreseedOptions {
    return { origin, httpProxy: this.preseeds.install.httpProxy };
  }

  /**
   * The machine with this id, if the caller proves by the boot token or the preseed's secret that
   * it is that machine's current boot.
   */
  async findBooted(systemId: string, secret: string | undefined, proof: BootProof): Promise<Machine | undefined> {
    const machine = await this.#deps.store.findMachine(systemId);
    if (machine === undefined || this.#deps.racks.homes.isAway(machine, proof.address)) return undefined;
    const isProven = (secret !== undefined && provesPreseed(secret, proof, machine)) || provesBoot(proof, machine);
    return isProven ? machine : undefined;
  }

  /**
   * An installer's file; `undefined` if the machine is not installing, or the file does not belong
   * to its current work.
   */
  async installerFile(
    machine: Machine,
    file: InstallerFile,
    surroundings: PreseedOptions,
  ): Promise<PreseedResult | undefined> {
    const purpose = installerPurpose(machine, file);
    if (purpose === undefined) return undefined;
    await this.#deps.life.seen({ seen: new Map([[machine.systemId, this.#deps.clock.wallTimeMs()]]) });
    return this.render(machine, purpose, surroundings);
  }

  async render(machine: Machine, purpose: Purpose, surroundings: PreseedOptions): Promise<PreseedResult> {
    const result = await this.preseeds.render(machine, purpose, surroundings);
    if (!result.ok) {
      const { file, line, mistake } = result;
      const fault = { code: 'preseed-faulty', params: { file, line, mistake } } as const;
      await this.signal(machine, { status: 'FAILED', stage: 'preseed', message: '', fault });
    }
    return result;
  }

  async sshKeys({ owner }: Machine): Promise<readonly string[]> {
    return owner === undefined ? [] : (await this.#deps.store.life.listSshKeys(owner)).map(({ key }) => key);
  }

  async userData({ systemId }: Machine): Promise<Uint8Array | undefined> {
    return await this.#deps.store.life.userData(systemId);
  }

  /** Takes a signal. From a machine that is not at work it is only logged. */
  async signal(machine: Machine, signal: Signal): Promise<void> {
    if (isAtWork(machine)) await this.#deps.life.signal(machine.systemId, signal);
    else {
      const { status, stage, message, fault } = signal;
      await this.#record(
        machine,
        { code: 'signal-unasked', params: { status, stage, message, fault } },
        signal.status === 'FAILED' ? 'warning' : undefined,
      );
    }
  }

  /** Takes the report that the disk is written; the machine boots it from now on. */
  async netbootOff(machine: Machine): Promise<void> {
    if (machine.status === 'deploying' && machine.netboot)
      await this.#deps.life.signal(machine.systemId, { status: 'OK', stage: WRITTEN, message: '' });
  }

  async netbootOn(machine: Machine): Promise<void> {
    await this.#deps.life.startFromNetwork(machine.systemId);
  }

  /**
   * Takes a report of cloud-init or curtin. @param isInstalling whether it came from an installing
   * environment
   */
  async report(machine: Machine, report: WebhookReport, isInstalling: boolean): Promise<void> {
    const { signal, isFailure, isUp, stageReport } = interpretReport(report, isInstalling);
    const isWorking = isAtWork(machine);
    if (isFailure || (isUp && !isWorking)) {
      await this.#record(machine, { code: 'stage-reported', params: stageReport }, isFailure ? 'warning' : undefined);
    }
    if (!isWorking) return;
    // In Commissioning, a report that the environment is up does not end the work.
    if (signal !== undefined && machine.status === 'deploying') await this.#deps.life.signal(machine.systemId, signal);
    else await this.#deps.life.seen({ seen: new Map([[machine.systemId, this.#deps.clock.wallTimeMs()]]) });
  }

  async #record({ systemId }: Machine, happening: Happening, level: MachineEventLevel | undefined): Promise<void> {
    const atMs = this.#deps.clock.wallTimeMs();
    await this.#deps.store.recordEvent(
      { type: 'NODE_STATUS_EVENT', level, ...happening, atMs, username: '' },
      systemId,
    );
  }
}

/**
 * True for the states whose work uses the machine's key. In other states, such as a rescue, test or
 * erasure, requests with the key come from the system installed before and say nothing about the
 * work.
 */
const isAtWork = ({ status }: Machine): boolean => status === 'deploying' || status === 'commissioning';

/** The purpose for which the machine may get this file now; undefined: none. */
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
