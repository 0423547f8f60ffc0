// The rack loop's servers, wired together: who asks whom for what. Everything here answers from memory and waits for nobody.

import type { ResolveAsset } from '../../boot/asset.ts';
import { type AssetContext, resolveBootAsset } from '../../boot/asset.ts';
import { BootTokens } from '../../boot/boot-tokens.ts';
import { identifyBootClient } from '../../boot/client.ts';
import { LoaderLoops } from '../../boot/loader-loops.ts';
import { type BootPlan, type BootQuery, planBoot } from '../../boot/plan.ts';
import { ShownUuids } from '../../boot/shown-uuids.ts';
import type { Clock, Instant } from '../../clock.ts';
import { configNotes } from '../../config/notes.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { AddressClaim } from '../../dhcp/answers/decision.ts';
import { givenBack } from '../../dhcp/answers/give-back.ts';
import type { DhcpEvent } from '../../dhcp/events.ts';
import type { ImportFacts } from '../../dhcp/import/lease-import.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { LeaseJournal } from '../../dhcp/leases/lease-journal.ts';
import type { NamedNetwork } from '../../dhcp/leases/lease-report.ts';
import { isActive, isHeld, type LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { SettledJournal } from '../../dhcp/leases/settled-journal.ts';
import { awayFrom } from '../../dhcp/networks/machine-home.ts';
import { indexSubnets, type ServedSubnet } from '../../dhcp/networks/subnet.ts';
import type { LeaseNotice } from '../../dhcp/responder-ports.ts';
import { DhcpServer } from '../../dhcp/server.ts';
import { Names } from '../../dns/names.ts';
import { DnsServer } from '../../dns/server.ts';
import { joinFailures, RackError } from '../../errors.ts';
import type { Publish, RackEvent } from '../../event.ts';
import type { FileTree } from '../../files/opened-file.ts';
import type { RegionStandIn } from '../../http/region-stand-in.ts';
import { BootHttpServer } from '../../http/server.ts';
import { MachineDirectory } from '../../machines/directory.ts';
import type { DesiredState } from '../../machines/machine.ts';
import { formatIpv4, type Ipv4, type MacAddress } from '../../net/address.ts';
import type { HostNetwork } from '../../net/datagram.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { Wire } from '../../net/wire.ts';
import { TftpServer } from '../../tftp/server.ts';
import type { Foresight } from '../foresight/foresight.ts';
import { Elsewhere } from './elsewhere.ts';
import { linksOf } from './interface-states.ts';
import { LeaseNaming } from './lease-naming.ts';
import type { LiveTree } from './live-tree.ts';
import { Loading } from './loading.ts';
import { machineChanges } from './machine-changes.ts';
import { sightingAsLease } from './naming.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { WAITED_FOR } from './readiness.ts';

export interface RackParts {
  readonly clock: Clock;
  readonly network: HostNetwork;
  /** What is heard behind the interfaces; undefined: nobody listens, and addresses are offered without asking. */
  readonly wire?: Wire | undefined;
  readonly journal: LeaseJournal;
  readonly table: LeaseTable;
  readonly tree: FileTree & Pick<LiveTree, 'hasFile'> & Partial<Pick<LiveTree, 'problem'>>;
  readonly publish: Publish;
  readonly rackSecret: string;
  /** What is done while a remote region does not answer, and by which certificates it is judged. */
  readonly standIn?: RegionStandIn | undefined;
  readonly regionCa?: string | undefined;
  /** The other DHCP servers that are known have changed. */
  readonly onForeignChange?: (() => void) | undefined;
  /** Every lease that ended until then was told of. */
  readonly onEndsReported?: ((until: Instant) => void) | undefined;
}

/** DHCP, TFTP, boot HTTP and DNS of one configuration, which `configure` replaces. */
export class Rack {
  readonly #parts: RackParts;
  readonly tree: RackParts['tree'];
  readonly names: Names;
  /** The hosts around this rack; undefined: nobody listens. */
  readonly neighbourhood: Neighbourhood | undefined;
  readonly dhcp: DhcpServer;
  readonly tftp: TftpServer;
  readonly dns: DnsServer;
  readonly http: BootHttpServer;
  readonly #tokens: BootTokens;
  readonly #uuids = new ShownUuids();
  readonly #journal: SettledJournal;
  readonly #loops: LoaderLoops;
  /** Machines whose address another DHCP server gave. */
  readonly elsewhere: Elsewhere;
  readonly #naming: LeaseNaming;
  readonly #loading: Loading;
  #config: RackConfig;
  #machines = new MachineDirectory([]);
  /** Some door waits for an address. */
  #waiting = false;
  #draining = false;

  constructor(parts: RackParts, config: RackConfig) {
    const { clock, network, wire, publish, tree } = parts;
    this.#parts = parts;
    this.#config = config;
    this.tree = tree;
    this.#journal = new SettledJournal(parts.journal);
    this.names = new Names({
      serial: Math.floor(clock.wallTimeMs() / 1000) >>> 0,
      report: (report) => publish({ ...report, at: clock.now() }),
    });
    const onHeard = (address: Ipv4): void => this.dhcp.heard(address);
    this.neighbourhood = wire && new Neighbourhood({ clock, publish, wire, onHeard });
    this.dhcp = new DhcpServer({
      clock,
      network,
      journal: this.#journal,
      table: parts.table,
      publish,
      findConflict: wire && ((address, interfaceName) => wire.findUser(address, interfaceName)),
      canProbe: wire && ((interfaceName) => wire.canProbe(interfaceName)),
      identifyClient: identifyBootClient,
      planBoot: (query) => this.#planBoot(query),
      machines: () => this.#machines,
      onLeaseChange: (notice) => this.#leaseChanged(notice),
      onAddressSeen: (claim) => this.#addressSeen(claim),
      onForeignChange: parts.onForeignChange,
      onEndsReported: parts.onEndsReported,
    });
    this.#loops = new LoaderLoops(publish);
    this.elsewhere = new Elsewhere({
      clock,
      findNeighbour: (address) => this.neighbourhood?.find(address),
      onGone: (address) => this.#naming.gone(address),
    });
    this.#naming = new LeaseNaming(this.names, {
      all: () => this.#activeLeases(),
      at: (address) => this.#activeLease(address),
      of: (macs) => [...this.leasesOf(macs), ...this.elsewhere.leases().filter(({ mac }) => macs.has(mac))],
    });
    const tell: Publish = (event) => this.#tellOfFiles(event);
    this.#tokens = new BootTokens({
      clock,
      publish,
      machines: () => this.#machines,
      macOf: (peer) => this.#macOf(peer),
      mayMove: (peer) => this.elsewhere.isElsewhere(peer),
      awayFrom: (machine, peer) => awayFrom(machine, peer, this.#config.dhcp),
      rackName: () => this.#config.name,
    });
    const servers = () => [this.tftp, this.http];
    this.#loading = new Loading({ clock, table: parts.table, dhcp: this.dhcp, servers });
    const resolve: ResolveAsset = (request) => {
      this.#loading.asked();
      return resolveBootAsset(request, this.#assets());
    };
    this.tftp = new TftpServer({ network, clock, resolve, files: tree, publish: tell });
    const vouchFor = this.#tokens.vouchFor.bind(this.#tokens);
    this.http = new BootHttpServer({
      clock,
      resolve,
      files: tree,
      publish: tell,
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

  /** What of the configuration has no effect. */
  get notes(): readonly string[] {
    return configNotes(this.#config);
  }

  /** The networks of the configuration. */
  get networks(): readonly NamedNetwork[] {
    return this.#config.dhcp.subnets;
  }

  /** The networks that DHCP serves now. */
  get served(): readonly ServedSubnet[] {
    return this.dhcp.state().subnets.served;
  }

  /** What may be read to decide whether a lease of another server is taken over: every configured network, served now or not. */
  importFacts(): ImportFacts {
    return { ...this.dhcp.state(), subnets: indexSubnets(this.#config.dhcp, undefined) };
  }

  /** Takes over leases of another server; when it resolves they are on disk. @throws RackError `store-unavailable` */
  async adoptLeases(leases: readonly Lease[]): Promise<void> {
    await this.#store(leases);
    const event: DhcpEvent = { kind: 'dhcp.imported', at: this.#parts.clock.now(), imported: leases.length };
    this.#parts.publish(event);
  }

  /** Ends a running lease as a RELEASE does; when it resolves that is on disk. @throws RackError `not-found`, `store-unavailable` */
  async endLease(address: Ipv4): Promise<Lease> {
    const lease = this.#activeLease(address);
    if (lease === undefined) throw new RackError('not-found', `no lease of ${formatIpv4(address)} runs`);
    const at = this.#parts.clock.now();
    await this.#store([givenBack(lease, at)]);
    const event: DhcpEvent = { kind: 'dhcp.ended', at, address, mac: lease.mac, hostname: lease.hostname };
    this.#parts.publish(event);
    return lease;
  }

  /** Gives an address that was set aside back to its range; when it resolves that is on disk. @throws RackError as `endLease` */
  async clearAddress(address: Ipv4): Promise<Lease> {
    const lease = this.findLease(address);
    const at = this.#parts.clock.now();
    if (!isHeld(lease, at) || lease.state !== 'declined')
      throw new RackError('not-found', `${formatIpv4(address)} is not set aside`);
    await this.#store([givenBack(lease, at)]);
    const event: DhcpEvent = { kind: 'dhcp.cleared', at, address };
    this.#parts.publish(event);
    return lease;
  }

  async #store(leases: readonly Lease[]): Promise<void> {
    const sequence = this.#draining ? undefined : this.dhcp.adopt(leases);
    if (sequence === undefined || !(await this.#journal.settled(sequence)))
      throw new RackError('store-unavailable', 'leases cannot be written now; see rackboot status, and try again');
  }

  /** What explains the next boot of a machine; asking changes nothing, and gives no token out. */
  foresight(): Foresight {
    return {
      config: this.#config,
      dhcp: { ...this.dhcp.state(), planBoot: (query) => this.#foreseePlan(query) },
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
   * @throws RackError with every door that cannot be opened for another reason; the others are open.
   */
  async configure(config: RackConfig, host: readonly HostInterface[]): Promise<void> {
    if (this.#draining) return;
    this.#config = config;
    this.elsewhere.configure(config.dhcp);
    void this.#naming.configure(config);
    this.neighbourhood?.configure(config.clusterInterfaces);
    await this.dhcp.setInterfaces(linksOf(config.clusterInterfaces, host));
    const isFailed = ({ code }: RackError): boolean => !WAITED_FOR.has(code);
    const ofDhcp = (await this.dhcp.configure(config.dhcp)).map(({ error }) => error).filter(isFailed);
    const ofDoors = (await this.#openDoors()).filter(isFailed);
    // The sockets of DHCP have one port: what keeps the first of them away keeps the others away, too.
    const failed = joinFailures([...ofDhcp.slice(0, 1), ...ofDoors]);
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
    this.#naming.setMachines(this.#machines);
  }

  /** Lease records one after the other, running and ended, so that going through them may take many turns. */
  leases(): Iterable<Lease> {
    return this.#parts.table.records();
  }

  /** The record of an address. */
  findLease(address: Ipv4): Lease | undefined {
    return this.#parts.table.find(address);
  }

  /** The running leases of these interfaces. */
  leasesOf(macs: ReadonlySet<MacAddress>): readonly Lease[] {
    return this.#parts.table.findRunning(macs, this.#parts.clock.now());
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
    this.#loading.close();
    await this.dhcp.close();
    await Promise.all([this.tftp.close(0), this.http.close(0), this.dns.close()]);
  }

  #assets(): AssetContext {
    return {
      config: this.#config.boot,
      machines: this.#machines,
      macOf: (peer) => this.#macOf(peer),
      hasFile: (path) => this.tree.hasFile(path),
      uuidOf: (mac) => this.#uuids.find(mac),
      tokens: this.#tokens,
    };
  }

  #planBoot(query: BootQuery): BootPlan | undefined {
    const { asker, mac, uuid } = query;
    if (asker !== undefined) {
      this.#uuids.remember(mac, uuid, asker);
      this.neighbourhood?.booting(mac, asker);
    }
    const { boot } = this.#config;
    const plan = planBoot(query, boot);
    return plan === undefined ? undefined : this.#loops.check(query, plan, boot, this.#parts.clock.now());
  }

  #foreseePlan(query: BootQuery): BootPlan | undefined {
    const { boot } = this.#config;
    const plan = planBoot(query, boot);
    return plan === undefined ? undefined : this.#loops.foresee(query, plan, boot, this.#parts.clock.now());
  }

  /** Publishes what TFTP and HTTP tell, with the machine where its address is another DHCP server's. */
  #tellOfFiles(event: RackEvent): void {
    const { address } = event;
    const mac = event.mac !== undefined || address === undefined ? undefined : this.elsewhere.macOf(address);
    const whole = mac === undefined ? event : { ...event, mac };
    this.#loading.note(event);
    this.#loops.observe(whole);
    this.#parts.publish(whole);
  }

  #macOf(peer: Ipv4): MacAddress | undefined {
    if (this.elsewhere.isElsewhere(peer)) return this.elsewhere.macOf(peer);
    // The lease of a machine that loads runs on (`loading.ts`): one that has ended says nothing of who uses the address now.
    return this.#activeLease(peer)?.mac;
  }

  /** A machine takes an address of another DHCP server: from now on it is known by it, and named where the region knows it. */
  #addressSeen(claim: AddressClaim): void {
    const { mac, address, at } = claim;
    this.elsewhere.claim(claim);
    this.#naming.lease(sightingAsLease(mac, address, at));
  }

  *#activeLeases(): Generator<Lease> {
    const now = this.#parts.clock.now();
    for (const lease of this.leases()) if (isActive(lease, now)) yield lease;
    yield* this.elsewhere.leases();
  }

  #activeLease(address: Ipv4): Lease | undefined {
    const lease = this.findLease(address);
    return isActive(lease, this.#parts.clock.now()) ? lease : undefined;
  }

  #leaseChanged(notice: LeaseNotice): void {
    if (notice.kind === 'changed' && isActive(notice.lease, this.#parts.clock.now())) {
      this.#naming.lease(notice.lease);
    } else {
      this.#naming.gone(notice.lease.address, notice.lease.mac);
    }
  }
}
