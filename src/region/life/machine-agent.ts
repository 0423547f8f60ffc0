// The region's side of the agent that works on a machine: which machine asks, what it is to do, what it tells.
//
//   agent ── token of its boot, at its present address ─► findWorker ─┬─ job        what to do
//                                                                    ├─ signal     how far it is
//                                                                    └─ keys, user data
//
// 1. Only the machine that a rack has booted for this work is answered: it shows the token of its boot, from where it is (`life/boot-token.ts`).
// 2. A machine is told nothing of another one.
// 3. The last word of a work that has ended may come again: it is answered as the first time, and changes nothing.

import { BoundedMap } from '../../bounded-map.ts';
import type { Clock } from '../../clock.ts';
import { equalSecrets } from '../accounts/accounts.ts';
import { type BootProof, isWhereItIs, provesBoot } from '../identity/boot-token.ts';
import type { Acknowledgements } from '../racks/acknowledgements.ts';
import type { MachineHomes } from '../racks/machine-homes.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import type { Machine } from '../records/machine.ts';
import type { Rack } from '../records/rack.ts';
import type { RegionStore } from '../records/store.ts';
import { renderJob } from './job.ts';
import { digestOfToken, findDebugLogin, isDebugged, keyLines, parseHostKey, rescuerOf } from './logins.ts';
import type { MachineLife } from './machine-life.ts';
import { MachineScripts } from './machine-scripts.ts';
import type { Signal } from './signal.ts';
import { networkOfAddress } from './static-addresses.ts';

/** Machines that one address or interface may name. */
const CANDIDATES_MAX = 16;
/** How long a signal that changes what a machine boots waits for the racks that boot it. */
const RACKS_KNOW_MS_MAX = 3000;
/** Works that ended, whose last word may come again. Machines at work fill it; the oldest is forgotten, and refused if it speaks again. */
const ENDED_MAX = 512;

/** What is asked of the racks. */
interface KnownRacks {
  list(): readonly Rack[];
  readonly acknowledgements: Acknowledgements;
  readonly homes: Pick<MachineHomes, 'isAway'>;
}

export class MachineAgent {
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #life: MachineLife;
  /** What runs on machines that are commissioned or tested. */
  readonly scripts: MachineScripts;
  readonly #racks: KnownRacks;
  /** Digests of tokens whose work ended by a signal. */
  readonly #ended = new BoundedMap<string, true>(ENDED_MAX, 'set longest ago');

  constructor(store: RegionStore, clock: Clock, life: MachineLife, racks: KnownRacks) {
    this.#store = store;
    this.#clock = clock;
    this.#life = life;
    this.scripts = new MachineScripts(store, clock);
    this.#racks = racks;
  }

  /** The machine whose present boot this is; undefined: none. */
  findWorker(proof: BootProof): Machine | undefined {
    return this.#candidates(proof).find((machine) => provesBoot(proof, machine));
  }

  /** The machine that failed at this boot and stays on, because people log in to debug it; undefined: none. */
  findDebugged(proof: BootProof): Machine | undefined {
    const { token } = proof;
    if (token === undefined) return undefined;
    const digest = digestOfToken(token);
    return this.#candidates(proof).find((machine) => {
      const known = isWhereItIs(proof, machine) ? this.#debugOf(machine)?.tokenDigest : undefined;
      return known !== undefined && equalSecrets(known, digest);
    });
  }

  #candidates({ vouchedMac, address }: BootProof): readonly Machine[] {
    const byMac = vouchedMac === undefined ? [] : this.#store.listMachines({ macs: [vouchedMac] }, 0, CANDIDATES_MAX);
    const byAddress = address === undefined ? [] : this.#store.listMachines({ seenAt: [address] }, 0, CANDIDATES_MAX);
    return [...byMac, ...byAddress].filter((machine) => !this.#racks.homes.isAway(machine, address));
  }

  /** What the machine is to do, in lines; that it asks is a sign of life. @param where how it reaches us, and the mirrors */
  job(machine: Machine, where: { readonly origin: string; readonly httpProxy: string }): string {
    this.#life.alive(machine.systemId, this.#clock.wallTimeMs());
    const [given] = machine.addresses;
    const debugs = this.#noteBoot(machine);
    if (machine.status === 'deploying' && machine.netboot && machine.work?.deployBy === 'installer') {
      const place = `${machine.architecture}/${machine.subarchitecture}/${machine.release}/install`;
      const message = `the rack that booted it has no installer in its tree: ${place}`;
      this.#life.signal(machine.systemId, { status: 'FAILED', stage: 'started', message });
    }
    return renderJob(machine, {
      ...where,
      image: this.#life.findImage(machine, machine.osystem, machine.release),
      network: given === undefined ? undefined : networkOfAddress(this.#racks.list(), given.address),
      scripts: this.scripts.count(machine),
      hasUserData: this.#store.life.userData(machine.systemId) !== undefined,
      isDebugged: debugs !== undefined,
    });
  }

  /**
   * Whether its work is wanted still, and for how long people may log in to debug it, in lines. Asking is no sign of life.
   * @param isWanted this is its present boot
   */
  watch(machine: Machine, isWanted: boolean): string {
    const debug = isWanted ? this.#noteBoot(machine) : this.#debugOf(machine);
    const seconds = debug === undefined ? '' : `debug_seconds=${debug.secondsLeft}\n`;
    return `wanted=${isWanted ? 'yes' : 'no'}\n${seconds}`;
  }

  /** The keys of who debugs the machine, a line each; undefined: nobody may. */
  debugKeys(machine: Machine): string | undefined {
    const debug = this.#debugOf(machine);
    return debug === undefined ? undefined : keyLines({ store: this.#store }, debug.username);
  }

  #debugOf(machine: Machine): ReturnType<typeof findDebugLogin> {
    return findDebugLogin({ store: this.#store, clock: this.#clock }, machine);
  }

  /** The debug login of a machine at work, which is told by which boot it is known. */
  #noteBoot(machine: Machine): ReturnType<typeof findDebugLogin> {
    const debug = isDebugged(machine.status) ? this.#debugOf(machine) : undefined;
    if (debug === undefined || machine.bootToken === undefined) return debug;
    const tokenDigest = digestOfToken(machine.bootToken);
    if (debug.tokenDigest !== tokenDigest) this.#store.logins.noteDebug(machine.systemId, { tokenDigest });
    return debug;
  }

  /** Takes a signal. False: this is no machine at work, and none that has just ended. */
  signal(proof: BootProof, signal: Signal): boolean {
    const machine = this.findWorker(proof);
    if (machine === undefined) return proof.token !== undefined && this.#ended.has(digestOfToken(proof.token));
    const hostKey = parseHostKey(signal.hostKey);
    if (hostKey !== undefined && isDebugged(machine.status))
      this.#store.logins.noteDebug(machine.systemId, { hostKey });
    const outcome = this.#life.signal(machine.systemId, this.scripts.take(machine, signal));
    const isOver = outcome.kind === 'changed' && outcome.machine.bootToken !== machine.bootToken;
    if (isOver && machine.bootToken !== undefined) this.#ended.set(digestOfToken(machine.bootToken), true);
    return true;
  }

  /**
   * Ends when the racks that boot a machine know for what it boots since its signal, or after RACKS_KNOW_MS_MAX.
   * @param before the machine as it was then
   */
  async racksKnow(before: Machine): Promise<void> {
    const machine = this.#store.findMachine(before.systemId);
    if (machine === undefined || purposeOf(machine) === purposeOf(before)) return;
    await this.#racks.acknowledgements.settled(machine, this.#store.desiredVersion(), RACKS_KNOW_MS_MAX);
  }

  /** The keys by which people log in to the machine, a line each. */
  sshKeys(machine: Machine): string {
    return keyLines({ store: this.#store }, rescuerOf(machine));
  }

  /** What its system runs at its first start; undefined: nothing. */
  userData(machine: Machine): Uint8Array | undefined {
    return this.#store.life.userData(machine.systemId);
  }
}

const purposeOf = (machine: Machine) => bootPurpose({ ...machine, deployBy: machine.work?.deployBy });
