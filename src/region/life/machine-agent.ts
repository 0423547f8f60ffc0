// The region's counterpart of the agent on a machine: identifies the machine, gives it its job,
// takes its signals.
//
//   agent ── boot token, from its current address ──────► findWorker ─┬─ job        its work
//                                                                    ├─ signal     its progress
//                                                                    └─ keys, user data
//
// 1. Only the machine that a rack has booted for this work gets an answer: it sends its boot token
//    from its current address (`identity/boot-token.ts`).
// 2. A machine learns nothing about other machines.
// 3. A repeated final signal gets the first answer again, even from another process of the region,
//    and changes nothing.

import type { Clock } from '../../ground/clock.ts';
import { equalSecrets } from '../accounts/accounts.ts';
import { type BootProof, isAtItsAddress, provesBoot } from '../identity/boot-token.ts';
import { bundleFiles, hasStaticRoutes, networkFiles } from '../layout/deployable.ts';
import { storagePlan } from '../layout/deployable-storage.ts';
import { NETWORK_TOOLS } from '../layout/network-config.ts';
import type { Networks } from '../networks/networks.ts';
import type { Acknowledgements } from '../racks/acknowledgements.ts';
import type { MachineHomes } from '../racks/machine-homes.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { hashSha256 } from '../records/digest.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { renderJob } from './job.ts';
import { findDebugLogin, getRescuer, isDebugged, keyLines, parseHostKey } from './logins.ts';
import type { MachineLife } from './machine-life.ts';
import { MachineScripts } from './machine-scripts.ts';
import type { Signal } from './signal.ts';
import { networkOfAddress } from './static-addresses.ts';

const CANDIDATES_MAX = 16;
/** How long the answer to a signal waits for the racks that boot the machine. */
const RACKS_KNOW_MS_MAX = 3000;

interface KnownRacks {
  readonly acknowledgements: Acknowledgements;
  readonly homes: Pick<MachineHomes, 'isAway'>;
}

interface MachineAgentDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly life: MachineLife;
  readonly racks: KnownRacks;
  readonly networks: Pick<Networks, 'known'>;
}

export class MachineAgent {
  readonly #deps: MachineAgentDeps;
  readonly #store: RegionStore;
  readonly scripts: MachineScripts;

  constructor(deps: MachineAgentDeps) {
    this.#deps = deps;
    this.#store = deps.store;
    this.scripts = new MachineScripts(deps);
  }

  async findWorker(proof: BootProof): Promise<Machine | undefined> {
    return workerAmong(await this.#candidates(proof), proof);
  }

  /** Finds the machine that failed in this boot and stays on for a debug login. */
  async findDebugged(proof: BootProof): Promise<Machine | undefined> {
    const { token } = proof;
    if (token === undefined) return undefined;
    const digest = hashSha256(token);
    for (const machine of await this.#candidates(proof)) {
      const tokenDigest = isAtItsAddress(proof, machine) ? (await this.#debugOf(machine))?.tokenDigest : undefined;
      if (tokenDigest !== undefined && equalSecrets(tokenDigest, digest)) return machine;
    }
    return undefined;
  }

  async #candidates({ vouchedMac, address }: BootProof): Promise<readonly Machine[]> {
    const byMac =
      vouchedMac === undefined ? [] : await this.#store.listMachines({ macs: [vouchedMac] }, 0, CANDIDATES_MAX);
    const byAddress =
      address === undefined ? [] : await this.#store.listMachines({ seenAt: [address] }, 0, CANDIDATES_MAX);
    return [...byMac, ...byAddress].filter((machine) => !this.#deps.racks.homes.isAway(machine, address));
  }

  /**
   * The request is a sign of life. @param where the URL at which the machine reaches the region,
   * and its proxy
   */
  async job(machine: Machine, where: { readonly origin: string; readonly httpProxy: string }): Promise<string> {
    await this.#deps.life.seen({ seen: new Map([[machine.systemId, this.#deps.clock.wallTimeMs()]]) });
    const [fixedAddress] = machine.addresses;
    const debugs = await this.#noteBoot(machine);
    if (machine.status === 'deploying' && machine.netboot && machine.work?.deployBy === 'installer') {
      const place = `${machine.architecture}/${machine.subarchitecture}/${machine.release}/install`;
      const fault = { code: 'installer-missing', params: { place } } as const;
      await this.#deps.life.signal(machine.systemId, { status: 'FAILED', stage: 'started', message: '', fault });
    }
    return renderJob(machine, {
      ...where,
      image: await this.#deps.life.findImage(machine),
      network:
        fixedAddress === undefined
          ? undefined
          : networkOfAddress(this.#deps.networks.known.reported, fixedAddress.address),
      isLaid: machine.layout?.network !== undefined,
      hasRoutes: fixedAddress !== undefined && hasStaticRoutes(machine, this.#deps.networks.known),
      scripts: await this.scripts.count(machine),
      hasUserData: (await this.#store.life.userData(machine.systemId)) !== undefined,
      isDebugged: debugs !== undefined,
    });
  }

  /**
   * Whether a machine's work is still wanted, and how long a debug login remains open. No sign of
   * life. @param isWanted whether the request comes from the machine's current boot
   */
  async watch(machine: Machine, isWanted: boolean): Promise<string> {
    const debug = isWanted ? await this.#noteBoot(machine) : await this.#debugOf(machine);
    const seconds = debug === undefined ? '' : `debug_seconds=${debug.secondsLeft}\n`;
    return `wanted=${isWanted ? 'yes' : 'no'}\n${seconds}`;
  }

  async debugKeys(machine: Machine): Promise<string | undefined> {
    const debug = await this.#debugOf(machine);
    return debug === undefined ? undefined : await keyLines(this.#store, debug.username);
  }

  #debugOf(machine: Machine): ReturnType<typeof findDebugLogin> {
    return findDebugLogin(this.#deps, machine);
  }

  /** Of a machine at work. With the stored digest of its token, it can ask for the login if it fails. */
  async #noteBoot(machine: Machine): Promise<Awaited<ReturnType<typeof findDebugLogin>>> {
    const debug = isDebugged(machine.status) ? await this.#debugOf(machine) : undefined;
    if (debug === undefined || machine.bootToken === undefined) return debug;
    const tokenDigest = hashSha256(machine.bootToken);
    if (debug.tokenDigest !== tokenDigest) await this.#store.logins.noteDebug(machine.systemId, { tokenDigest });
    return debug;
  }

  /** @returns false unless the sender is at work, or has just ended its work */
  async signal(proof: BootProof, signal: Signal): Promise<boolean> {
    const candidates = await this.#candidates(proof);
    const machine = workerAmong(candidates, proof);
    if (machine === undefined) return candidates.some((candidate) => hasEnded(candidate, proof));
    const hostKey = parseHostKey(signal.hostKey);
    if (hostKey !== undefined && isDebugged(machine.status))
      await this.#store.logins.noteDebug(machine.systemId, { hostKey });
    await this.#deps.life.signal(machine.systemId, await this.scripts.take(machine, signal));
    return true;
  }

  /**
   * Resolves when its racks know its new boot purpose, or after RACKS_KNOW_MS_MAX. @param before
   * the machine before its signal
   */
  async waitForRacks(before: Machine): Promise<void> {
    const machine = await this.#store.findMachine(before.systemId);
    if (machine === undefined || choosePurpose(machine) === choosePurpose(before)) return;
    await this.#deps.racks.acknowledgements.settled(machine, await this.#store.desiredVersion(), RACKS_KNOW_MS_MAX);
  }

  async sshKeys(machine: Machine): Promise<string> {
    return await keyLines(this.#store, getRescuer(machine));
  }

  /** The network's files for a tool of the deployed system; `undefined`: an unknown tool. */
  network(machine: Machine, named: string, isByLease: boolean): string | undefined {
    const tool = NETWORK_TOOLS.find((networkTool) => networkTool === named);
    if (tool === undefined) return undefined;
    return bundleFiles(networkFiles(machine, this.#deps.networks.known, tool, isByLease));
  }

  /** `undefined`: none. */
  storage(machine: Machine): string | undefined {
    return storagePlan(machine);
  }

  async userData(machine: Machine): Promise<Uint8Array | undefined> {
    return await this.#store.life.userData(machine.systemId);
  }
}

/** The machine to whose current boot this proof belongs. */
const workerAmong = (machines: readonly Machine[], proof: BootProof): Machine | undefined =>
  machines.find((machine) => provesBoot(proof, machine));

/** True if a signal of this boot ended the machine's work. */
const hasEnded = (machine: Machine, proof: BootProof): boolean =>
  proof.token !== undefined &&
  machine.endedDigest !== undefined &&
  equalSecrets(machine.endedDigest, hashSha256(proof.token)) &&
  isAtItsAddress(proof, machine);

const choosePurpose = (machine: Machine) => bootPurpose({ ...machine, deployBy: machine.work?.deployBy });
