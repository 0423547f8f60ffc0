// The life cycle of machines: applies commands, signals, signs of life, deadlines and the outcomes
// of power tasks.
//
//   command (command-effects.ts) ─┐
//   signal (signal.ts) ───────────┼─► one transaction: state, deadline, owner, addresses, log ─► racks are updated ─► power follows
//   deadline, lease, power ───────┘
//
// 1. All state is in the store, so deadlines survive a crash.
// 2. Of two simultaneous commands, the second sees the state after the first.
// 3. A hung machine is restarted automatically, at most RETRIES times (or as configured), and only
//    before its disk is written; a restart after our own interruption does not count. One that
//    boots from the network again and again is hung, whatever signs of life it shows.
// 4. A machine is Deployed when its installed system has reported, or has taken its address after
//    the disk was written.

import type { Ipv4 } from '../../ground/address.ts';
import type { PowerDetail } from '../../power/detail.ts';
import type { Switching } from '../../power/driver.ts';
import { drawBootToken } from '../identity/boot-token.ts';
import { makeAcquiredBridges } from '../layout/acquired-bridges.ts';
import type { NetworkView } from '../networks/network-view.ts';
import type { MachineChange, MachineChangeOutcome } from '../records/decisions.ts';
import type { Happening } from '../records/events.ts';
import type { AddressKnowledge, ChangeKnowledge } from '../records/knowledge.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine, PowerState } from '../records/machine.ts';
import type { CommandName } from '../records/machine-commands.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { hasLaidNetwork } from '../records/machine-layout.ts';
import type { PowerTask } from '../records/power-task.ts';
import { decideRefusal, type RefusalWord, refusal } from '../records/refusal.ts';
import { decideCommand } from './command-effects.ts';
import type { Actor, CommandRefusal, Deployment, MachineCommand } from './commands.ts';
import type { DeployableImage } from './deployment.ts';
import { chooseLinkAddresses } from './link-addresses.ts';
import {
  awaitPower,
  decidePower,
  decidePowerEnd,
  decidePowerSeen,
  hasEndedSince,
  hasStartedSince,
  type PowerControl,
  type PowerResult,
  whyInDoubt,
} from './power-life.ts';
import { switchSilentRescue } from './rescue-end.ts';
import { decideSignal, type Signal } from './signal.ts';
import { type SignsOfLife, takeSigns } from './signs-of-life.ts';
import {
  chooseSystem,
  findDeployable,
  findStartProblem,
  type StartDeps,
  type SystemWish,
  usualWay,
  type WantedSystem,
} from './start-check.ts';
import { isInterrupted } from './state-power.ts';
import { type AddressChoice, chooseAddresses } from './static-addresses.ts';
import {
  acceptedPower,
  type Change,
  computeDeadlineMs,
  decodeLastHappening,
  failStatus,
  restarted,
  type WhyHung,
} from './status-change.ts';
import type { StatusDeadlines } from './status-deadlines.ts';

/** Restarts of hung work, unless the configuration sets another number. */
const RETRIES = 1;
const OVERDUE_MAX = 50;
const EVENTS_LOOKED_MAX = 200;

interface MachineLifeDeps extends StartDeps {
  readonly deadlines: StatusDeadlines;
  /** `undefined` if only people switch machines. */
  readonly power?: Pick<PowerControl, 'switches'> | undefined;
  /** Restarts of hung work; `undefined`: RETRIES. */
  readonly retries: () => number | undefined;
  readonly onChange: (machine: Machine) => Promise<void>;
}

/** The used addresses are those for which a choice has asked. */
interface AddressOptions {
  readonly networks: NetworkView;
  readonly known: readonly AddressKnowledge[];
}

type BulkCommand = 'accept' | 'release';

export interface CommandOptions {
  readonly address?: Ipv4 | undefined;
}

export class MachineLife {
  readonly #deps: MachineLifeDeps;

  constructor(deps: MachineLifeDeps) {
    this.#deps = deps;
  }

  async command(
    systemId: string,
    command: MachineCommand,
    by: Actor,
    options: CommandOptions = {},
  ): Promise<MachineChangeOutcome<CommandRefusal>> {
    const { store } = this.#deps;
    const atMs = await this.#now();
    const takesAddress = command.name === 'allocate' || command.name === 'deploy';
    const decide = (
      machine: Machine,
      { addresses }: ChangeKnowledge,
      refused: CommandRefusal | undefined,
      networks: NetworkView,
    ) => {
      const change = this.#decide(machine, command, by, atMs);
      if (change.kind === 'refuse') return change;
      const chosen = takesAddress
        ? this.#chooseAddresses(machine, command.name, { networks, known: addresses }, options, by)
        : undefined;
      if (chosen?.kind === 'ask') return chosen;
      if (refused !== undefined) return { kind: 'refuse', refusal: refused } as const;
      if (chosen?.kind === 'refuse') return chosen;
      const addressed = chosen === undefined ? change : { ...change, addresses: chosen.addresses };
      if (command.bridges === undefined) return addressed;
      const layout = makeAcquiredBridges(machine, networks, command.bridges);
      return 'kind' in layout ? layout : { ...addressed, fields: { ...change.fields, layout } };
    };
    return await store.transact(async () => {
      const networks = takesAddress ? await this.#deps.networks.look() : this.#deps.networks.known;
      const startProblem = await findStartProblem(systemId, command, by, this.#deps);
      const outcome = await store.changeMachine<CommandRefusal>(systemId, atMs, (machine, knowledge) =>
        decide(machine, knowledge, startProblem, networks),
      );
      return await this.#announce(outcome);
    });
  }

  /** Why the command, which is not given, could not get its address; `undefined`: it could. */
  async judgeAddress(
    systemId: string,
    command: 'allocate' | 'deploy',
    by: Actor,
    options: CommandOptions,
  ): Promise<CommandRefusal | undefined> {
    const atMs = await this.#now();
    const outcome = await this.#deps.store.changeMachine<CommandRefusal | undefined>(
      systemId,
      atMs,
      (machine, { addresses }) => {
        const addressOptions = { networks: this.#deps.networks.known, known: addresses };
        const chosen = this.#chooseAddresses(machine, command, addressOptions, options, by);
        if (chosen?.kind === 'ask') return chosen;
        return { kind: 'refuse', refusal: chosen?.kind === 'refuse' ? chosen.refusal : undefined };
      },
    );
    return outcome.kind === 'refuse' ? outcome.refusal : undefined;
  }

  /**
   * Of a machine that is being allocated or deployed; `undefined`: it keeps its addresses. What
   * another ordinary user reserved for its interface is not chosen: anyone may reserve for an
   * unknown host.
   */
  #chooseAddresses(
    machine: Machine,
    command: CommandName,
    addressOptions: AddressOptions,
    options: CommandOptions,
    by: Actor,
  ): AddressChoice | undefined {
    const choice = this.#chooseAmong(machine, command, addressOptions, options, by);
    if (choice?.kind !== 'ask') return choice;
    const username = (command === 'allocate' ? undefined : machine.owner) ?? by.username;
    return { ...choice, host: { macs: machine.interfaces.map(({ mac }) => mac), username } };
  }

  #chooseAmong(
    machine: Machine,
    command: CommandName,
    { networks, known }: AddressOptions,
    { address }: CommandOptions,
    by: Actor,
  ): AddressChoice | undefined {
    if (hasLaidNetwork(machine)) {
      if (address === undefined) return chooseLinkAddresses(machine, { networks, known });
      const { hostname, systemId } = machine;
      return decideRefusal(
        'address-refused',
        `A person has laid out the interfaces of ${hostname}: assign the address to one of its links (nodes/${systemId}/interfaces/<id>/?op=link_subnet).`,
      );
    }
    const isAsked = address !== undefined || machine.addresses.length === 0;
    if (command !== 'allocate' && !isAsked) return undefined;
    return chooseAddresses(machine, known, address, by.isAdmin, networks);
  }

  /**
   * Gives a command to many machines; it must not start a system or take an address. @returns in
   * this order
   */
  async commandAll(
    systemIds: readonly string[],
    command: MachineCommand & { readonly name: BulkCommand },
    by: Actor,
  ): Promise<readonly MachineChangeOutcome<CommandRefusal>[]> {
    const { store } = this.#deps;
    const atMs = await this.#now();
    const outcomes = await store.changeMachines<CommandRefusal>(systemIds, atMs, (machine) =>
      this.#decide(machine, command, by, atMs),
    );
    for (const outcome of outcomes) await this.#announce(outcome);
    return outcomes;
  }

  #decide(machine: Machine, command: MachineCommand, by: Actor, atMs: number): ReturnType<typeof decideCommand> {
    // A command to a New machine accepts its proposed power settings (`status-change.ts`), and may
    // use them at once.
    const isAccepted = machine.status === 'new' && by.username !== '';
    const accepted = isAccepted ? { ...machine, ...acceptedPower(machine) } : machine;
    return decideCommand(machine, command, { atMs, clock: this.#deps.clock, by, switches: this.#switches(accepted) });
  }

  /** Allocates the first of these that is available; undefined: none. */
  async allocate(
    candidates: Iterable<Machine>,
    by: Actor,
    { agentName, bridges, ...options }: CommandOptions & Pick<MachineCommand, 'agentName' | 'bridges'> = {},
  ): Promise<MachineChangeOutcome<CommandRefusal> | undefined> {
    for (const { systemId } of candidates) {
      const outcome = await this.command(systemId, { name: 'allocate', agentName, bridges }, by, options);
      // Already allocated by another request, or removed: try the next one.
      const isUnavailable = outcome.kind === 'refuse' && outcome.refusal.name === 'transition-not-allowed';
      if (outcome.kind !== 'not-found' && !isUnavailable) return outcome;
    }
    return undefined;
  }

  findImage(machine: Machine): Promise<DeployableImage | undefined> {
    return findDeployable(machine, machine, this.#deps);
  }

  /** Chooses the system of a deployment, or says why there is no such kernel. */
  chooseSystem(machine: Machine, wanted: SystemWish): Promise<WantedSystem | RefusalWord> {
    return chooseSystem(machine, wanted, this.#deps);
  }

  usualWay(machine: Machine, wanted: WantedSystem): Promise<Deployment['deployBy']> {
    return usualWay(machine, wanted, this.#deps);
  }

  /** The caller has verified that the machine sent it. */
  async signal(systemId: string, signal: Signal): Promise<MachineChangeOutcome<never>> {
    return await this.#change<never>(systemId, (machine, atMs) =>
      decideSignal(machine, signal, atMs, this.#deps.clock, this.#switchesOff(machine)),
    );
  }

  /** Starts a machine from the network again after its disk was written. */
  async startFromNetwork(systemId: string): Promise<MachineChangeOutcome<never>> {
    return await this.#change<never>(systemId, ({ status, netboot }, atMs) => {
      if (status !== 'deploying' || netboot) return { kind: 'change', fields: {}, events: [] };
      const happening = { code: 'network-wanted', params: {} } as const;
      const event: NewMachineEvent = { type: 'NODE_INSTALL_EVENT', ...happening, atMs, username: '' };
      return { kind: 'change', fields: { netboot: true }, events: [event] };
    });
  }

  async seen(signs: SignsOfLife): Promise<void> {
    const { clock, store } = this.#deps;
    const atMs = await this.#now();
    const endHung = (machine: Machine, why: WhyHung): Change => this.#endHung(machine, why, atMs);
    for (const machine of await takeSigns(signs, { store, clock, atMs, endHung })) await this.#deps.onChange(machine);
  }

  /** Returns before the machine is switched. */
  async switchPower(systemId: string, task: PowerTask, by: Actor): Promise<MachineChangeOutcome<CommandRefusal>> {
    return await this.#change(systemId, (machine, atMs) =>
      this.#switchesOff(machine) || (task === 'on' && this.#switches(machine) === 'on')
        ? decidePower(machine, task, by, atMs)
        : { kind: 'refuse', refusal: refuseByHand(machine, this.#switches(machine)) },
    );
  }

  /** Work that waited for the task continues, or fails with the outcome's detail. */
  async powerSwitched(systemId: string, result: PowerResult): Promise<MachineChangeOutcome<never>> {
    const { clock, store } = this.#deps;
    const filter = { machines: { systemIds: [systemId] }, limit: EVENTS_LOOKED_MAX };
    const { kind, reportedMs } = result;
    const events = kind === 'unknown' || reportedMs !== undefined ? await store.listEvents(filter) : [];
    const hasStarted = kind === 'unknown' && hasStartedSince(events);
    const isReported = reportedMs !== undefined && hasEndedSince(events, reportedMs);
    return await this.#change<never>(systemId, (machine, atMs) =>
      decidePowerEnd(machine, result, { atMs, clock, hasStarted, isReported }),
    );
  }

  async powerSeen(systemId: string, state: PowerState, detail?: PowerDetail): Promise<MachineChangeOutcome<never>> {
    const { clock } = this.#deps;
    return await this.#change<never>(systemId, (machine, atMs) =>
      decidePowerSeen(machine, state, detail, { atMs, clock }),
    );
  }

  async endOverdue(): Promise<void> {
    const { store, clock, deadlines } = this.#deps;
    if (!(await deadlines.follow())) return;
    const atMs = clock.wallTimeMs();
    const overdue = await store.listOverdue(atMs, OVERDUE_MAX);
    if (overdue.length === 0) return;
    const systemIds = overdue.map(({ systemId }) => systemId);
    const newest = await store.newestEvents(systemIds);
    const outcomes = await store.changeMachines<never>(systemIds, atMs, (machine) =>
      this.#end(machine, decodeLastHappening(newest.get(machine.systemId)), atMs),
    );
    for (const outcome of outcomes) await this.#announce(outcome);
  }

  #end(machine: Machine, seen: Happening | undefined, atMs: number): Change {
    const { status } = machine;
    const row = statusRow(status);
    // A sign of life or a command came before this check.
    if (row.failed === undefined || (machine.statusDeadlineMs ?? Infinity) >= atMs) {
      return { kind: 'change', fields: {}, events: [] };
    }
    const waiting = this.#switchesOff(machine) ? awaitPower(machine, atMs) : undefined;
    if (waiting !== undefined) return waiting;
    const leaving = this.#switchesOff(machine) ? switchSilentRescue(machine, atMs) : undefined;
    if (leaving !== undefined) return leaving;
    const isWritten = status === 'deploying' && !machine.netboot;
    const isRestarted = (machine.work?.attempts ?? 0) > 0;
    const params = { status, minutes: row.timeoutMinutes ?? 0, isRestarted, isWritten, seen };
    return this.#endHung(machine, whyInDoubt(machine) ?? { code: 'work-overran', params }, atMs);
  }

  #endHung(machine: Machine, why: WhyHung, atMs: number): Change {
    const { clock, retries } = this.#deps;
    const { status, work } = machine;
    const { failed } = statusRow(status);
    if (failed === undefined) return { kind: 'change', fields: {}, events: [] };
    const isUnwritten = status === 'commissioning' || (status === 'deploying' && machine.netboot);
    // If Rackboot itself interrupted the work, the machine has not failed an attempt.
    const isCounted = !isInterrupted(machine);
    const isSpent = isCounted && (work?.attempts ?? 0) >= (retries() ?? RETRIES);
    if (!isUnwritten || work === undefined || isSpent || !this.#switchesOff(machine)) {
      return failStatus(machine, failed, { atMs, clock, username: '', why });
    }
    const restart = { code: 'work-restarted', params: { why } } as const;
    const event: NewMachineEvent = { type: 'NODE_HUNG', ...restart, atMs, username: '' };
    return {
      kind: 'change',
      fields: {
        statusDeadlineMs: computeDeadlineMs(machine.status, atMs),
        statusReason: restart,
        // The hung system may still run, so its token and key are revoked.
        bootToken: drawBootToken(clock),
        powerTask: 'cycle',
        work: restarted(work, atMs, isCounted),
      },
      endsKey: true,
      events: [event],
    };
  }

  #switches(machine: Machine): Switching {
    return this.#deps.power?.switches(machine) ?? 'nothing';
  }

  #switchesOff(machine: Machine): boolean {
    return this.#switches(machine) === 'on-and-off';
  }

  async #change<R = CommandRefusal>(
    systemId: string,
    decide: (machine: Machine, atMs: number) => MachineChange<R>,
  ): Promise<MachineChangeOutcome<R>> {
    const atMs = await this.#now();
    const { store } = this.#deps;
    return this.#announce(await store.changeMachine<R>(systemId, atMs, (machine) => decide(machine, atMs)));
  }

  async #now(): Promise<number> {
    await this.#deps.deadlines.follow();
    return this.#deps.clock.wallTimeMs();
  }

  async #announce<R>(outcome: MachineChangeOutcome<R>): Promise<MachineChangeOutcome<R>> {
    if (outcome.kind === 'changed') await this.#deps.onChange(outcome.machine);
    return outcome;
  }
}

function refuseByHand({ hostname, powerType, powerIsProposed }: Machine, switches: Switching): CommandRefusal {
  if (powerIsProposed === true)
    return refusal(
      'power-by-hand',
      `${hostname} proposed its power settings itself, and they are not accepted yet: accept the machine, or set its power.`,
    );
  if (switches === 'on')
    return refusal(
      'power-by-hand',
      `The driver ${powerType} only switches ${hostname} on: shut it down there, or press its button.`,
    );
  const driver = ['', 'manual'].includes(powerType) ? undefined : powerType;
  return refusal(
    'power-by-hand',
    `${hostname} is switched by hand${driver === undefined ? '' : ` because there is no power driver ${driver}`}: press its button; \`rackboot power set\` gives it a driver.`,
  );
}
