// The servers of the rack loop and their connections. Everything here answers from memory and never
// waits for a disk or the region.

import { isDeepStrictEqual } from 'node:util';
import type { ResolveAsset } from '../../boot/asset.ts';
import { type AssetContext, resolveBootAsset } from '../../boot/asset.ts';
import { BootTokens } from '../../boot/boot-tokens.ts';
import { identifyBootClient } from '../../boot/client.ts';
import type { BootConfig, HttpEndpoint } from '../../boot/config.ts';
import { LoaderLoops } from '../../boot/loader-loops.ts';
import type { OriginFacts } from '../../boot/origin.ts';
import { type BootPlan, type BootQuery, IPXE_SCRIPT, planBoot } from '../../boot/plan.ts';
import type { Profile } from '../../boot/profile.ts';
import { ShownSigns } from '../../boot/shown-signs.ts';
import { listConfigRemarks } from '../../config/notes.ts';
import { findOldGrub } from '../../config/old-grub.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { AddressClaim } from '../../dhcp/answers/decision.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { LeaseJournal } from '../../dhcp/leases/lease-journal.ts';
import { isActive, type LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { SettledJournal } from '../../dhcp/leases/settled-journal.ts';
import type { DhcpSubnet } from '../../dhcp/networks/config.ts';
import { awayFrom, findConfiguredSubnet } from '../../dhcp/networks/machine-home.ts';
import { withReserved } from '../../dhcp/networks/reservations.ts';
import { sharedNetworkKey } from '../../dhcp/networks/server-role.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import type { LeaseNotice } from '../../dhcp/responder-deps.ts';
import { DhcpServer } from '../../dhcp/server.ts';
import { Names } from '../../dns/names.ts';
import { DnsServer } from '../../dns/server.ts';
import type { FileTree } from '../../files/opened-file.ts';
import { formatIpv4, type Ipv4, type MacAddress } from '../../ground/address.ts';
import type { Clock, Instant } from '../../ground/clock.ts';
import { joinFailures, RackError } from '../../ground/errors.ts';
import type { Publish, RackEvent } from '../../ground/event.ts';
import { BootHttpServer, type RegionPassing } from '../../http/server.ts';
import { MachineDirectory } from '../../machines/directory.ts';
import type { DesiredState, ReservedHost } from '../../machines/machine.ts';
import type { HostNetwork } from '../../net/datagrams/datagram.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { Wire } from '../../net/watch/wire.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { TftpServer } from '../../tftp/server.ts';
import { type MakeTransferRunner, ThreadTransferRunner } from '../../tftp/transfer-runner.ts';
import type { ForecastInputs } from '../forecast/boot-forecast.ts';
import { Elsewhere } from './elsewhere.ts';
import { listLocalInterfaces } from './interface-states.ts';
import { LeaseCommands } from './lease-commands.ts';
import { LeaseNaming } from './lease-naming.ts';
import type { LiveTree } from './live-tree.ts';
import { Loading } from './loading.ts';
import { findMachineChanges } from './machine-changes.ts';
import { sightingAsLease } from './naming.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { WAITING_CODES } from './readiness.ts';

interface RackDeps {
  readonly clock: Clock;
  readonly network: HostNetwork;
  /** Carries the TFTP transfers; default: a thread. */
  readonly makeTransferRunner?: MakeTransferRunner;
  /**
   * The wires of the interfaces; `undefined` if they cannot be heard. Addresses are then offered
   * without probing.
   */
  readonly wire?: Wire | undefined;
  readonly journal: LeaseJournal;
  readonly table: LeaseTable;
  readonly tree: FileTree &
    Pick<LiveTree, 'hasFile'> &
    Partial<Pick<LiveTree, 'resolveRealPath' | 'problem' | 'counters'>>;
  readonly publish: Publish;
  readonly passing: RegionPassing;
  readonly onForeignChange?: (() => void) | undefined;
  readonly onImported?: ((leases: readonly Lease[]) => void) | undefined;
  /** Called when every lease that expired before `until` has been reported. */
  readonly onEndsReported?: ((until: Instant) => void) | undefined;
}

/** The DHCP, TFTP, boot HTTP and DNS servers of one configuration, which `configure` replaces. */
export class Rack {
  readonly #deps: RackDeps;
  readonly tree: RackDeps['tree'];
  readonly names: Names;
  /** The hosts on this rack's networks; `undefined` if the wires cannot be heard. */
  readonly neighbourhood: Neighbourhood | undefined;
  readonly dhcp: DhcpServer;
  readonly tftp: TftpServer;
  readonly dns: DnsServer;
  readonly http: BootHttpServer;
  readonly #tokens: BootTokens;
  readonly #shownSigns = new ShownSigns();
  readonly #originFacts: OriginFacts = {
    macOf: (peer) => this.#findMac(peer),
    awayFrom: (machine, peer) => awayFrom(machine, peer, this.#config.dhcp),
  };
  /** The commands of an operator that change leases. */
  readonly leaseCommands: LeaseCommands;
  readonly #loaderLoops: LoaderLoops;
  readonly elsewhere: Elsewhere;
  readonly #naming: LeaseNaming;
  readonly #loading: Loading;
  /** The configuration as it was given. */
  #givenConfig: RackConfig;
  /** The given configuration with the addresses that users of the region reserved. */
  #config: RackConfig;
  /** The boot settings with the HTTP listeners that are open or wait for an address. */
  #boot: BootConfig;
  #reservedHosts: readonly ReservedHost[] = [];
  #isOpen = false;
  #machines = new MachineDirectory([]);
  #isListenerWaiting = false;
  #isDraining = false;

  constructor(deps: RackDeps, config: RackConfig) {
    const { clock, network, wire, publish, tree, table } = deps;
    const makeTransferRunner = deps.makeTransferRunner ?? ((runnerDeps) => new ThreadTransferRunner(runnerDeps));
    this.#deps = deps;
    this.#givenConfig = config;
    this.#config = config;
    this.#boot = config.boot;
    this.tree = tree;
    const journal = new SettledJournal(deps.journal);
    this.names = new Names({
      serial: Math.floor(clock.wallTimeMs() / 1000) >>> 0,
      report: (report) => publish({ ...report, at: clock.now() }),
    });
    const onHeard = (address: Ipv4): void => this.dhcp.heard(address);
    this.neighbourhood = wire && new Neighbourhood({ clock, publish, wire, onHeard });
    this.dhcp = new DhcpServer({
      clock,
      network,
      journal,
      table,
      publish,
      findConflict: wire && ((address, interfaceName) => wire.findUser(address, interfaceName)),
      canProbe: wire && ((interfaceName) => wire.canProbe(interfaceName)),
      identifyClient: identifyBootClient,
      planBoot: (query) => this.#planBoot(query),
      machines: () => this.#machines,
      onLeaseChange: (notice) => this.#handleLeaseChange(notice),
      onAddressSeen: (claim) => this.#handleClaim(claim),
      onForeignChange: deps.onForeignChange,
      onEndsReported: deps.onEndsReported,
    });
    const leaseDeps = {
      config: () => this.#config.dhcp,
      isDraining: () => this.#isDraining,
      onImported: deps.onImported,
    };
    this.leaseCommands = new LeaseCommands({ clock, publish, journal, table, dhcp: this.dhcp, ...leaseDeps });
    this.#loaderLoops = new LoaderLoops(publish);
    this.elsewhere = new Elsewhere({
      clock,
      findNeighbour: (address) => this.neighbourhood?.find(address),
      onGone: (address) => this.#naming.removeName(address),
    });
    this.#naming = new LeaseNaming(this.names, {
      list: () => this.#listActiveLeases(),
      find: (address) => this.#findActiveLease(address),
      findByMacs: (macs) => [
        ...this.findRunningLeases(macs),
        ...this.elsewhere.listLeases().filter(({ mac }) => macs.has(mac)),
      ],
    });
    const publishFiles: Publish = (event) => this.#publishFiles(event);
    this.#tokens = new BootTokens({
      clock,
      publish,
      machines: () => this.#machines,
      ...this.#originFacts,
      mayMove: (peer) => this.elsewhere.isElsewhere(peer),
      rackName: () => this.#config.name,
    });
    const listServers = () => [this.tftp, this.http];
    this.#loading = new Loading({ clock, table, dhcp: this.dhcp, servers: listServers });
    const resolve: ResolveAsset = (request) => {
      this.#loading.asked();
      return resolveBootAsset(request, this.#makeAssetContext());
    };
    this.tftp = new TftpServer({ network, makeTransferRunner, clock, resolve, files: tree, publish: publishFiles });
    const vouchFor = this.#tokens.vouchFor.bind(this.#tokens);
    this.http = new BootHttpServer({
      clock,
      resolve,
      files: tree,
      publish: publishFiles,
      ...deps.passing,
      vouchFor,
    });
    this.dns = new DnsServer({ network, clock, publish, names: this.names });
  }

  get machines(): MachineDirectory {
    return this.#machines;
  }

  get notes(): readonly RackNote[] {
    return [
      ...listConfigRemarks(this.#config),
      ...composeForgoneNotes(this.http.forgone),
      ...(this.neighbourhood?.notes ?? []),
    ];
  }

  get offeredProfiles(): readonly Profile[] {
    return (this.#boot.profiles ?? []).filter(({ offered }) => offered);
  }

  get networks(): readonly DhcpSubnet[] {
    return this.#config.dhcp.subnets;
  }

  get served(): readonly ServedSubnet[] {
    return this.dhcp.state().subnets.served;
  }

  /** The inputs for predicting a machine's next boot. Predicting changes nothing and issues no token. */
  forecastInputs(): ForecastInputs {
    return {
      config: { ...this.#config, boot: this.#boot },
      dhcp: { ...this.dhcp.state(), planBoot: (query) => this.#forecastPlan(query) },
      assets: { ...this.#makeAssetContext(), tokens: undefined },
      oldGrub: (name) => findOldGrub(this.#boot.tree, name),
      now: this.#deps.clock.now(),
    };
  }

  async open(host: readonly HostInterface[]): Promise<void> {
    await this.configure(this.#givenConfig, host);
  }

  /**
   * Replaces the configuration; unchanged sockets are not touched. A listener on an address that
   * this host lacks is retried when the interfaces change.
   * @throws RackError naming every listener that cannot be opened for another reason; the others are open
   */
  async configure(config: RackConfig, host: readonly HostInterface[]): Promise<void> {
    if (this.#isDraining) return;
    this.#givenConfig = config;
    this.#isOpen = true;
    this.#mergeReserved();
    this.neighbourhood?.configure(config.clusterInterfaces);
    await this.dhcp.setInterfaces(listLocalInterfaces(config.clusterInterfaces, host));
    const isFailed = ({ code }: RackError): boolean => !WAITING_CODES.has(code);
    const dhcpFailures = (await this.dhcp.configure(this.#config.dhcp)).map(({ error }) => error).filter(isFailed);
    const listenerFailures = (await this.#openListeners()).filter(isFailed);
    // All DHCP sockets share one port, so the reason of the first failure is the reason of all.
    const failure = joinFailures([...dhcpFailures.slice(0, 1), ...listenerFailures]);
    if (failure !== undefined) throw failure;
  }

  async setInterfaces(host: readonly HostInterface[]): Promise<void> {
    if (this.#isDraining) return;
    this.#deps.network.interfacesChanged(host);
    await this.dhcp.setInterfaces(listLocalInterfaces(this.#config.clusterInterfaces, host));
    if (this.#isListenerWaiting) await this.#openListeners();
  }

  /** Opens the missing listeners of TFTP, HTTP and DNS. @returns the failures */
  async #openListeners(): Promise<readonly RackError[]> {
    const { tftp, http, dns } = this.#config;
    const openers = [() => this.tftp.configure(tftp), () => this.http.configure(http), () => this.dns.configure(dns)];
    const failures: RackError[] = [];
    for (const open of openers) {
      try {
        await open();
      } catch (error) {
        if (!(error instanceof RackError)) throw error;
        failures.push(error);
      }
    }
    this.#isListenerWaiting = failures.some(({ code }) => WAITING_CODES.has(code));
    const { boot } = this.#config;
    const isForgone = ({ address, port }: HttpEndpoint): boolean =>
      this.http.forgone.some((forgone) => forgone.address === address && forgone.port === port);
    const isServed = (endpoint: HttpEndpoint): boolean => !isForgone(endpoint);
    this.#boot = { ...boot, http: boot.http.filter(isServed), https: boot.https?.filter(isServed) };
    return failures;
  }

  /** Puts the given configuration in force, with the reserved addresses. DHCP is configured separately. */
  #mergeReserved(): RackConfig {
    const dhcp = withReserved(this.#givenConfig.dhcp, this.#reservedHosts);
    this.#config = dhcp === this.#givenConfig.dhcp ? this.#givenConfig : { ...this.#givenConfig, dhcp };
    this.elsewhere.configure(dhcp);
    void this.#naming.configure(this.#config, this.#reservedHosts);
    return this.#config;
  }

  setDesiredState(state: DesiredState): void {
    const { clock, publish } = this.#deps;
    const machinesBefore = this.#machines;
    this.#machines = new MachineDirectory(state.machines);
    for (const event of findMachineChanges(machinesBefore, this.#machines, clock.now())) publish(event);
    this.#naming.setMachines(this.#machines);
    const { reserved = [] } = state;
    if (isDeepStrictEqual(reserved, this.#reservedHosts)) return;
    this.#reservedHosts = reserved;
    // Before the rack is open, `configure` is still to come.
    if (this.#isOpen && !this.#isDraining) void this.dhcp.configure(this.#mergeReserved().dhcp);
  }

  /** All lease records, running and ended; the iteration may take many turns. */
  leases(): Iterable<Lease> {
    return this.#deps.table.records();
  }

  findLease(address: Ipv4): Lease | undefined {
    return this.#deps.table.find(address);
  }

  findRunningLeases(macs: ReadonlySet<MacAddress>): readonly Lease[] {
    return this.#deps.table.findRunning(macs, this.#deps.clock.now());
  }

  /** The number of files that machines are loading. */
  get transfers(): number {
    return this.tftp.counters().active + this.http.sending;
  }

  /**
   * Finishes transfers without beginning new ones, while DNS and DHCP continue: firmware asks again
   * for a file for at least 15 s. Then finishes the replies that wait for the disk.
   */
  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    this.neighbourhood?.endScan();
    await Promise.all([this.tftp.close(graceMs), this.http.close(graceMs)]);
    await this.dhcp.drain(graceMs);
  }

  async close(): Promise<void> {
    this.#isDraining = true;
    this.#loading.close();
    await this.dhcp.close();
    await Promise.all([this.tftp.close(0), this.http.close(0), this.dns.close()]);
  }

  #makeAssetContext(): AssetContext {
    return {
      config: this.#boot,
      machines: this.#machines,
      ...this.#originFacts,
      hasFile: (path) => this.tree.hasFile(path),
      realOf: (path) => this.tree.resolveRealPath?.(path),
      signsOf: (mac) => this.#shownSigns.find(mac),
      tokens: this.#tokens,
    };
  }

  #planBoot(query: BootQuery): BootPlan | undefined {
    const { owner, client, mac, uuid } = query;
    const boot = this.#boot;
    const plan = planBoot(query, boot);
    if (owner !== undefined) {
      // iPXE's own request follows that of its firmware, and says no more.
      const cpu = 'cpu' in client ? client.cpu : undefined;
      const signs = { uuid, cpu, isIpxe: plan?.file?.endsWith(IPXE_SCRIPT), isUBoot: client.kind === 'u-boot' };
      this.#shownSigns.remember(mac, signs, owner);
      this.neighbourhood?.noteBooting(mac, owner);
    }
    if (plan !== undefined) this.tftp.prepare();
    return plan === undefined ? undefined : this.#loaderLoops.check(query, plan, boot, this.#deps.clock.now());
  }

  #forecastPlan(query: BootQuery): BootPlan | undefined {
    const boot = this.#boot;
    const plan = planBoot(query, boot);
    return plan === undefined ? undefined : this.#loaderLoops.forecast(query, plan, boot, this.#deps.clock.now());
  }

  /** Publishes events of TFTP and HTTP, and adds the machine if its address is another DHCP server's. */
  #publishFiles(event: RackEvent): void {
    const { address } = event;
    const mac = event.mac !== undefined || address === undefined ? undefined : this.elsewhere.findMac(address);
    const attributedEvent = mac === undefined ? event : { ...event, mac };
    this.#loading.note(event);
    const subnet = address === undefined ? undefined : findConfiguredSubnet(address, this.#config.dhcp);
    this.#loaderLoops.observe(attributedEvent, subnet && sharedNetworkKey(subnet));
    this.#deps.publish(attributedEvent);
  }

  #findMac(peer: Ipv4): MacAddress | undefined {
    if (this.elsewhere.isElsewhere(peer)) return this.elsewhere.findMac(peer);
    // A loading machine's lease keeps running (`loading.ts`), so an ended lease says nothing about
    // the address's present user.
    return this.#findActiveLease(peer)?.mac;
  }

  /**
   * Records that a machine takes an address of another DHCP server; a machine that the region knows
   * gets its name there.
   */
  #handleClaim(claim: AddressClaim): void {
    const { mac, address, at } = claim;
    this.elsewhere.claim(claim);
    this.#naming.lease(sightingAsLease(mac, address, at));
  }

  *#listActiveLeases(): Generator<Lease> {
    const now = this.#deps.clock.now();
    for (const lease of this.leases()) if (isActive(lease, now)) yield lease;
    yield* this.elsewhere.listLeases();
  }

  #findActiveLease(address: Ipv4): Lease | undefined {
    const lease = this.findLease(address);
    return isActive(lease, this.#deps.clock.now()) ? lease : undefined;
  }

  #handleLeaseChange(notice: LeaseNotice): void {
    if (notice.kind === 'changed' && isActive(notice.lease, this.#deps.clock.now())) {
      this.#naming.lease(notice.lease);
    } else {
      this.#naming.removeName(notice.lease.address, notice.lease.mac);
    }
  }
}

/**
 * The HTTP listeners that this rack runs without, as a note for each port: all listeners of a port
 * fail for the same reason.
 */
function composeForgoneNotes(forgone: BootHttpServer['forgone']): readonly RackNote[] {
  return [...Map.groupBy(forgone, ({ port }) => port).values()].map((portListeners) => ({
    note: 'listener-forgone',
    where: portListeners.map(({ address, port }) => `${formatIpv4(address)}:${port}`).join(', '),
    reason: portListeners[0]?.error.message ?? '',
  }));
}
