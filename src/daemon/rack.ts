// The rack loop's servers, wired together: who asks whom for what. Everything here answers from memory and waits for nobody.

import type { ResolveAsset } from '../boot/asset.ts';
import { type AssetContext, resolveBootAsset } from '../boot/asset.ts';
import { BootTokens } from '../boot/boot-tokens.ts';
import { identifyBootClient } from '../boot/client.ts';
import { planBoot } from '../boot/plan.ts';
import { ShownUuids } from '../boot/shown-uuids.ts';
import type { Clock } from '../clock.ts';
import type { RackConfig } from '../config/rack-config.ts';
import type { LeaseJournal } from '../dhcp/lease-journal.ts';
import { isActive, type LeaseTable } from '../dhcp/lease-table.ts';
import type { LeaseNotice } from '../dhcp/responder.ts';
import { DhcpServer } from '../dhcp/server.ts';
import { Names } from '../dns/names.ts';
import { DnsServer } from '../dns/server.ts';
import { RackError } from '../errors.ts';
import type { Publish } from '../event.ts';
import type { BootTree } from '../files/file-tree.ts';
import type { FileTree } from '../files/opened-file.ts';
import type { RegionStandIn } from '../http/region-stand-in.ts';
import { BootHttpServer } from '../http/server.ts';
import { MachineDirectory } from '../machines/directory.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import type { HostNetwork } from '../net/datagram.ts';
import type { HostInterface } from '../net/host-interface.ts';
import { TftpServer } from '../tftp/server.ts';
import type { Foresight } from './foresight.ts';
import { linksOf } from './interface-states.ts';
import { machineChanges } from './machine-changes.ts';
import { nameLease, nameMachines, nameReservations } from './naming.ts';

/** Socket problems that an interface which is not there yet explains: waited for, not failed. */
const WAITED_FOR = new Set<string>(['interface-missing', 'address-not-here']);

export interface RackParts {
  readonly clock: Clock;
  readonly network: HostNetwork;
  readonly journal: LeaseJournal;
  readonly table: LeaseTable;
  readonly tree: FileTree & Pick<BootTree, 'hasFile'>;
  readonly publish: Publish;
  readonly rackSecret: string;
  /** What is done while a remote region does not answer, and by which certificates it is judged. */
  readonly standIn?: RegionStandIn | undefined;
  readonly regionCa?: string | undefined;
}

/** DHCP, TFTP, boot HTTP and DNS of one configuration, which `configure` replaces. */
export class Rack {
  readonly #parts: RackParts;
  readonly names: Names;
  readonly dhcp: DhcpServer;
  readonly tftp: TftpServer;
  readonly dns: DnsServer;
  readonly http: BootHttpServer;
  readonly #tokens: BootTokens;
  readonly #uuids = new ShownUuids();
  #config: RackConfig;
  #machines = new MachineDirectory([]);
  /** Some door waits for an address. */
  #waiting = false;
  #draining = false;

  constructor(parts: RackParts, config: RackConfig) {
    const { clock, network, publish, tree } = parts;
    this.#parts = parts;
    this.#config = config;
    this.names = new Names({
      serial: Math.floor(clock.wallTimeMs() / 1000) >>> 0,
      report: (report) => publish({ ...report, at: clock.now() }),
    });
    this.dhcp = new DhcpServer({
      clock,
      network,
      journal: parts.journal,
      table: parts.table,
      publish,
      identifyClient: identifyBootClient,
      planBoot: (query) => {
        this.#uuids.remember(query.mac, query.uuid);
        return planBoot(query, this.#config.boot);
      },
      machines: () => this.#machines,
      onLeaseChange: (notice) => this.#leaseChanged(notice),
    });
    this.#tokens = new BootTokens({
      clock,
      publish,
      machines: () => this.#machines,
      macOf: (peer) => this.#macOf(peer),
    });
    const resolve: ResolveAsset = (request) => resolveBootAsset(request, this.#assets());
    this.tftp = new TftpServer({ network, clock, resolve, files: tree, publish });
    const vouchFor = this.#tokens.vouchFor.bind(this.#tokens);
    this.http = new BootHttpServer({
      clock,
      resolve,
      files: tree,
      publish,
      rackSecret: parts.rackSecret,
      standIn: parts.standIn,
      regionCa: parts.regionCa,
      vouchFor,
    });
    this.dns = new DnsServer({ network, clock, publish, names: this.names });
  }

  get machines(): MachineDirectory {
    return this.#machines;
  }

  /** What explains the next boot of a machine; asking changes nothing, and gives no token out. */
  foresight(): Foresight {
    return {
      config: this.#config,
      dhcp: this.dhcp.state(),
      assets: { ...this.#assets(), tokens: undefined },
      now: this.#parts.clock.now(),
    };
  }

  /** Opens everything. @throws RackError for what cannot be opened now and will not come by itself. */
  async open(host: readonly HostInterface[]): Promise<void> {
    await this.configure(this.#config, host);
  }

  /**
   * Replaces the configuration; sockets that do not change are not touched. An address that this host does not have yet is
   * waited for: it is tried again when the interfaces change.
   *
   * @throws RackError of the first door that cannot be opened for another reason; the others are open.
   */
  async configure(config: RackConfig, host: readonly HostInterface[]): Promise<void> {
    if (this.#draining) return;
    this.#config = config;
    this.#nameEverything();
    await this.dhcp.setInterfaces(linksOf(config.clusterInterfaces, host));
    const failures = (await this.dhcp.configure(config.dhcp)).map(({ error }) => error);
    failures.push(...(await this.#openDoors()));
    const failed = failures.find(({ code }) => !WAITED_FOR.has(code));
    if (failed !== undefined) throw failed;
  }

  /** The host's interfaces have changed. */
  async setInterfaces(host: readonly HostInterface[]): Promise<void> {
    if (this.#draining) return;
    this.#parts.network.interfacesChanged(host);
    await this.dhcp.setInterfaces(linksOf(this.#config.clusterInterfaces, host));
    if (this.#waiting) await this.#openDoors();
  }

  /** Opens what is not open of TFTP, HTTP and DNS. @returns what could not be opened */
  async #openDoors(): Promise<readonly RackError[]> {
    const { tftp, http, dns } = this.#config;
    const doors = [() => this.tftp.configure(tftp), () => this.http.configure(http), () => this.dns.configure(dns)];
    const failures: RackError[] = [];
    for (const open of doors) {
      try {
        await open();
      } catch (error) {
        if (!(error instanceof RackError)) throw error;
        failures.push(error);
      }
    }
    this.#waiting = failures.some(({ code }) => WAITED_FOR.has(code));
    return failures;
  }

  /** Puts what the region wants into force. */
  setDesiredState(state: DesiredState): void {
    const { clock, publish } = this.#parts;
    const before = this.#machines;
    this.#machines = new MachineDirectory(state.machines);
    for (const event of machineChanges(before, this.#machines, clock.now())) publish(event);
    nameMachines(this.names, this.#machines, this.#activeLeases(), this.#config);
  }

  /** Files that machines are loading. */
  get transfers(): number {
    return this.tftp.counters().active + this.http.sending;
  }

  /**
   * Takes nothing new but questions for names, and lets what is under way come to its end: answers that wait for the disk, and
   * transfers. Configurations and interfaces no longer matter.
   */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    await Promise.all([this.dhcp.drain(graceMs), this.tftp.close(graceMs), this.http.close(graceMs)]);
  }

  async close(): Promise<void> {
    this.#draining = true;
    await this.dhcp.close();
    await Promise.all([this.tftp.close(0), this.http.close(0), this.dns.close()]);
  }

  #assets(): AssetContext {
    const { tree } = this.#parts;
    return {
      config: this.#config.boot,
      machines: this.#machines,
      macOf: (peer) => this.#macOf(peer),
      hasFile: (path) => tree.hasFile(path),
      uuidOf: (mac) => this.#uuids.find(mac),
      tokens: this.#tokens,
    };
  }

  #macOf(peer: Ipv4): MacAddress | undefined {
    // A lease that ran out while its machine still loads is the best that is known of the address.
    const lease = this.#parts.table.find(peer);
    return lease?.state === 'bound' ? lease.mac : undefined;
  }

  #activeLeases() {
    const now = this.#parts.clock.now();
    return this.#parts.table.all().filter((lease) => isActive(lease, now));
  }

  #nameEverything(): void {
    nameReservations(this.names, this.#config);
    nameMachines(this.names, this.#machines, this.#activeLeases(), this.#config);
  }

  #leaseChanged(notice: LeaseNotice): void {
    if (notice.kind === 'changed' && isActive(notice.lease, this.#parts.clock.now())) {
      nameLease(this.names, notice.lease, this.#machines, this.#config);
    } else {
      this.names.leaseGone(notice.lease.address);
    }
  }
}
