// Predicts what a machine would get now: it builds the machine's DISCOVER and passes it to the
// functions that answer real ones, then does the same for each path that its loader would request.
// Pure: nothing is sent, stored, offered or published.
//
//   client of a kind ─ DISCOVER ─ decide ─ the offered file ─ resolveBootAsset ─ the loader's configuration ─ decideStep ─ kernel
//
// 1. Each line says what the machine would get and why; an obstacle also names its remedy.
// 2. Files on another server are not checked, and the line says so.

import { z } from 'zod';
import { type Cpu, findArchitecture, loadersCommand } from '../../boot/architectures.ts';
import type { AssetContext, BootAsset } from '../../boot/asset.ts';
import { resolveBootAsset } from '../../boot/asset.ts';
import { homeText, planText, purposeText } from '../../boot/boot-words.ts';
import { findEndpointFor, findHttpBootEndpoint, formatBaseUrl } from '../../boot/endpoint.ts';
import { type ConfigIdentity, formatConfigPath, isUrl } from '../../boot/paths.ts';
import type { BootStep } from '../../boot/step.ts';
import { isBuiltInLoader } from '../../config/absent-loaders.ts';
import { composeGrubCommand } from '../../config/old-grub.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { decide } from '../../dhcp/answers/decide.ts';
import type { DhcpState } from '../../dhcp/answers/inquiry.ts';
import type { DhcpEvent } from '../../dhcp/events/events.ts';
import { ALLOCATION_REASONS, dhcpReason, doubtText } from '../../dhcp/events/sentences.ts';
import { findReservation } from '../../dhcp/leases/allocate.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { ClientCondition } from '../../dhcp/networks/conditions.ts';
import type { Reservation } from '../../dhcp/networks/config.ts';
import { codesFrom } from '../../dhcp/networks/configured-options.ts';
import { awayFrom } from '../../dhcp/networks/machine-home.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import type { DhcpMessage } from '../../dhcp/wire/message.ts';
import { findNamedOption } from '../../dhcp/wire/option-table.ts';
import { ANY, formatIpv4, formatNetwork, type Ipv4, type MacAddress, networkContains } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { unreachable } from '../../ground/errors.ts';
import type { Frozen } from '../../ground/fields.ts';
import { formatSpan } from '../../ground/quantity.ts';
import type { RackMachine } from '../../machines/machine.ts';
import {
  buildDiscover,
  CLIENT_KINDS,
  CLIENT_NAMES,
  type ClientKind,
  type ClientName,
  type ShownSigns,
} from './clients.ts';

/** The inputs of a prediction. */
export interface ForecastInputs {
  readonly config: RackConfig;
  readonly dhcp: DhcpState;
  readonly assets: AssetContext;
  /** Like `findOldGrub` of the tree; by default none is old. */
  readonly oldGrub?: ((name: string) => string | undefined) | undefined;
  readonly now: Instant;
}

/** One thing that a machine would or would not get. */
const forecastLine = z.object({ topic: z.string(), text: z.string(), remedy: z.string().optional(), ok: z.boolean() });
type ForecastLine = Readonly<z.output<typeof forecastLine>>;

/** The boot that a machine with one kind of firmware would get in one network. */
export const bootForecast = z.object({
  client: z.enum(CLIENT_NAMES),
  title: z.string(),
  network: z.string(),
  lines: z.array(forecastLine),
});
export type BootForecast = Frozen<z.output<typeof bootForecast>>;

/** The files that the built-in loaders need next to them. */
const COMPANIONS: Readonly<Record<string, string>> = {
  'lpxelinux.0': 'ldlinux.c32',
  'bootx64.efi': 'grubx64.efi',
  'bootaa64.efi': 'grubaa64.efi',
  'bootia32.efi': 'grubia32.efi',
};

/** Predicts one boot in each network where the machine could be; empty if no network is served. */
export function forecastBoot(
  mac: MacAddress,
  client: ClientName,
  inputs: ForecastInputs,
  signs: ShownSigns = {},
): readonly BootForecast[] {
  const kind = { ...CLIENT_KINDS[client], ...signs };
  return listPossibleNetworks(mac, inputs).map((servedSubnet) => {
    const { name, network, interfaceName } = servedSubnet.subnet;
    const networkText = `${name}, ${formatNetwork(network)}${interfaceName === undefined ? ', relayed' : ` on ${interfaceName}`}`;
    return {
      client,
      title: kind.title,
      network: networkText,
      lines: new Explanation(mac, kind, servedSubnet, inputs).explain(),
    };
  });
}

/** The networks where the machine has a lease or a fixed address; without either, all served networks. */
function listPossibleNetworks(mac: MacAddress, { dhcp }: ForecastInputs): readonly ServedSubnet[] {
  const servedSubnets = dhcp.subnets.served;
  const ownLeases = dhcp.leases.findAllByMac(mac);
  const likelyNetworks = servedSubnets.filter(
    (candidate) =>
      ownLeases.some(({ address }) => networkContains(candidate.subnet.network, address)) ||
      findReservation(candidate, { mac }) !== undefined,
  );
  return likelyNetworks.length > 0 ? likelyNetworks : servedSubnets;
}

/** True for a reservation that matches fields which only a message of the client shows. */
const needsMessageForReservation = ({ clientId, duid, circuitId, remoteId }: Reservation): boolean =>
  [clientId, duid, circuitId, remoteId].some((part) => part !== undefined);

const needsMessageForCondition = ({ hostnames, circuitId, userClass }: ClientCondition): boolean =>
  hostnames !== undefined || circuitId !== undefined || userClass !== undefined;

const composeLoadersRemedy = (cpu: Cpu): string => `\`sudo ${loadersCommand(cpu)}\` puts the loaders there`;

/** Why a boot file was chosen. */
function describeChoice(event: DhcpEvent): string {
  if (event.fileServer !== undefined) return ', set by configured options';
  const planReason = planText(event);
  return planReason === '' ? '' : ` (${planReason})`;
}

/** Splits a sentence into its problem and its remedy, at the semicolon. */
function splitRemedy(sentence: string): readonly [problem: string, remedy: string] {
  const [problem = '', remedy = ''] = sentence.split('; ');
  return [problem, remedy];
}

const describeFileLocation = (file: string): string =>
  isUrl(file) ? `${file}, not checked` : `${file}, in the boot tree`;
const IMAGE_TOPICS = { iso: 'disc', disk: 'disk', efi: 'program' } as const;

class Explanation {
  readonly #mac: MacAddress;
  readonly #client: ClientKind;
  readonly #servedSubnet: ServedSubnet;
  readonly #inputs: ForecastInputs;
  readonly #machine: RackMachine | undefined;
  /** Its newest lease in this network; `undefined` if it never had one. */
  readonly #newestLease: Lease | undefined;
  readonly #reservation: Reservation | undefined;
  readonly #lines: ForecastLine[] = [];

  constructor(mac: MacAddress, client: ClientKind, servedSubnet: ServedSubnet, inputs: ForecastInputs) {
    this.#mac = mac;
    this.#client = client;
    this.#servedSubnet = servedSubnet;
    this.#inputs = inputs;
    this.#machine = inputs.dhcp.machines.findByMac(mac);
    this.#newestLease = inputs.dhcp.leases
      .findAllByMac(mac)
      .filter(({ address }) => networkContains(servedSubnet.subnet.network, address))
      .toSorted((a, b) => b.grantedAt - a.grantedAt)[0];
    this.#reservation = findReservation(servedSubnet, { ...this.#newestLease, mac });
  }

  explain(): readonly ForecastLine[] {
    const event = this.#explainOffer();
    // In proxy mode another server gives the address.
    const address = event?.address ?? (event?.proxied === true ? ANY : undefined);
    if (event === undefined || address === undefined) return this.#lines;
    const localAddress = this.#findLocalAddress();
    this.#explainHome();
    if (this.#explainLoader(event, localAddress)) this.#explainConfiguration(address, localAddress);
    this.#explainName();
    return this.#lines;
  }

  #addLine(topic: string, text: string): void {
    this.#lines.push({ topic, text, ok: true });
  }

  #addObstacle(topic: string, text: string, remedy: string): void {
    this.#lines.push({ topic, text, remedy, ok: false });
  }

  /** The rack's address given to the machine; behind a relay, the first address of the rack. */
  #findLocalAddress(): Ipv4 {
    const [ownAddress = ANY] = this.#inputs.dhcp.subnets.ownAddresses;
    return this.#servedSubnet.subnet.serverAddress ?? ownAddress;
  }

  #explainOffer(): DhcpEvent | undefined {
    const { dhcp, now } = this.#inputs;
    const { interfaceName } = this.#servedSubnet.subnet;
    const relayedSubnet = interfaceName === undefined ? this.#servedSubnet.subnet : undefined;
    const uuid = this.#inputs.assets.signsOf?.(this.#mac)?.uuid;
    const message = buildDiscover(this.#mac, this.#client, relayedSubnet, uuid, this.#newestLease);
    const arrival = {
      interfaceName,
      localAddress: interfaceName === undefined ? this.#findLocalAddress() : ANY,
    };
    const decision = decide(message, arrival, dhcp, now);
    const { event } = decision;
    if (decision.kind !== 'reply' || event === undefined) {
      const reason = decision.kind === 'pass' ? decision.reason : event?.reason;
      const [problem, remedy] = splitRemedy(dhcpReason(reason));
      this.#addObstacle(
        'address',
        `none: ${problem}${event?.classes === undefined ? '' : `: ${event.classes}`}`,
        remedy === '' ? 'look up this reason in docs/reference/events.md' : remedy,
      );
      return undefined;
    }
    const { address, source, leaseSeconds, contradiction, client, architecture } = event;
    if (contradiction !== undefined) this.#addLine('note', doubtText({ contradiction, client, architecture }));
    if (event.classes !== undefined) this.#addLine('classes', event.classes);
    if (event.proxied === true) {
      this.#addLine('address', 'from another DHCP server: this network is in proxy mode');
      return event;
    }
    const sourceText = source === undefined ? '' : ` (${ALLOCATION_REASONS[source]})`;
    const durationText = leaseSeconds === undefined ? '' : ` for ${formatSpan(leaseSeconds * 1000)}`;
    this.#addLine('address', `${address === undefined ? '' : formatIpv4(address)}${sourceText}${durationText}`);
    this.#explainOptions(decision.message);
    if (this.#newestLease === undefined) this.#explainUnjudged();
    return event;
  }

  #explainHome(): void {
    const machine = this.#machine;
    const { config } = this.#inputs;
    const { network, name } = this.#servedSubnet.subnet;
    const awayHome = machine && awayFrom(machine, network.address, config.dhcp);
    if (machine === undefined || awayHome === undefined || machine.statusName === 'New') return;
    const { hostname, bootToken } = machine;
    const homeSentence = `this network is ${name}, its home is ${homeText(awayHome)}`;
    const moveRemedy = `if it was moved, run: rackboot machines move ${hostname} ${config.name} --network ${name}`;
    if (bootToken === undefined) this.#addLine('home', `${homeSentence}: new work must start there; ${moveRemedy}`);
    else this.#addObstacle('home', `${homeSentence}: it gets no boot token here`, moveRemedy);
  }

  /**
   * Names the reservations and classes that cannot be judged before the client's first lease here,
   * because they depend on fields that only the client's messages show.
   */
  #explainUnjudged(): void {
    const { reservations, classes = [] } = this.#servedSubnet.subnet;
    const unjudged = [
      ...(reservations.some(needsMessageForReservation) ? ['a reservation by client_id, duid or port'] : []),
      ...(classes.some(({ when }) => needsMessageForCondition(when))
        ? ['a class by its hostname, port or user class']
        : []),
    ];
    if (unjudged.length > 0)
      this.#addLine('not known', `before its first lease: whether it has ${unjudged.join(' or ')}`);
  }

  /**
   * Names the configured options that apply to the machine. The DISCOVER requests none, so all of
   * them are named.
   */
  #explainOptions({ options }: DhcpMessage): void {
    const classOptions = (this.#servedSubnet.subnet.classes ?? []).map((clientClass) => clientClass.options);
    const codes = codesFrom([this.#reservation?.options, ...classOptions, this.#servedSubnet.subnet.options], options);
    const optionNames = codes.map((code) => `${code} ${findNamedOption(code)?.name ?? ''}`.trim());
    if (optionNames.length > 0) this.#addLine('options', `${optionNames.join(', ')} (if requested or forced)`);
  }

  /** @returns false when the boot cannot continue */
  #explainLoader(event: DhcpEvent, localAddress: Ipv4): boolean {
    const { file, fileServer } = event;
    const { config, assets } = this.#inputs;
    if (file === undefined) {
      if (event.client !== 'u-boot') {
        this.#explainNoLoader(localAddress);
        return false;
      }
      const ownSearchText = 'so it asks for pxelinux.cfg/… itself (pxe get)';
      this.#addLine('loader', `none is set in boot.loaders as ${this.#client.code}: FILE, ${ownSearchText}`);
      return true;
    }
    const isElsewhere = fileServer !== undefined && fileServer !== formatIpv4(localAddress) && !file.includes('://');
    if (isElsewhere) {
      this.#addLine('loader', `${file} by TFTP from ${fileServer}, set by configured options; not checked there`);
      return true;
    }
    const name = this.#findTreeName(file, localAddress);
    const choice = describeChoice(event);
    if (name === undefined) {
      this.#addLine('loader', `${file}${choice}; on another server, not checked`);
      return true;
    }
    const isByTftp = !file.includes('://');
    if (isByTftp && !config.tftp.listen.includes(localAddress)) {
      this.#addObstacle(
        'loader',
        `${file}${choice}: TFTP does not listen on ${formatIpv4(localAddress)}`,
        'add it to tftp.listen',
      );
      return false;
    }
    const asset = resolveBootAsset({ path: name, peer: ANY, local: localAddress }, assets);
    if (asset.kind === 'file' && !assets.hasFile(asset.path)) {
      const { code, cpu } = this.#client;
      const isBuiltIn = isBuiltInLoader(name) || findArchitecture(code)?.loader === name;
      this.#addObstacle(
        'loader',
        `${file}${choice}: it is not in the boot tree`,
        isBuiltIn ? composeLoadersRemedy(cpu) : 'put it there',
      );
      return false;
    }
    const sourceText = isByTftp ? ` by TFTP from ${formatIpv4(localAddress)}` : '';
    this.#addLine('loader', `${file}${sourceText}${choice}${asset.kind === 'file' ? '; it is in the boot tree' : ''}`);
    const companion = COMPANIONS[name];
    if (companion !== undefined && !assets.hasFile(companion)) {
      const text = `${name} needs ${companion} next to it, which is not in the boot tree`;
      this.#addObstacle('loader', text, composeLoadersRemedy(this.#client.cpu));
    } else if (companion !== undefined && !isByTftp) this.#explainGrub(companion);
    return true;
  }

  #explainGrub(name: string): void {
    const oldGrub = this.#inputs.oldGrub?.(name);
    if (oldGrub === undefined) return;
    const remedy = `\`${composeGrubCommand(this.#client.cpu)}\` puts a newer one there, once yours is moved away`;
    this.#addObstacle('loader', `${oldGrub}, which stops at its prompt after HTTP boot`, remedy);
  }

  #explainNoLoader(localAddress: Ipv4): void {
    const { code, vendorClass } = this.#client;
    const isHttpBoot = vendorClass.startsWith('HTTPClient');
    if (isHttpBoot && findHttpBootEndpoint(this.#inputs.config.boot, localAddress) === undefined) {
      this.#addObstacle('loader', 'none: it boots by HTTP, and boot.http.listen has no address here', 'add one');
      return;
    }
    this.#addObstacle('loader', `none for architecture ${code}`, `set one in boot.loaders as ${code}: FILE`);
  }

  #findTreeName(file: string, localAddress: Ipv4): string | undefined {
    if (!file.includes('://')) return file;
    const { boot } = this.#inputs.config;
    const ownEndpoints = [findHttpBootEndpoint(boot, localAddress), findEndpointFor(boot.http, localAddress)];
    const baseUrl = ownEndpoints
      .map((endpoint) => endpoint && `${formatBaseUrl(endpoint)}/`)
      .find((endpoint) => endpoint && file.startsWith(endpoint));
    return baseUrl === undefined ? undefined : file.slice(baseUrl.length);
  }

  #explainConfiguration(address: Ipv4, localAddress: Ipv4): void {
    const { language, cpu } = this.#client;
    const assets: AssetContext = { ...this.#inputs.assets, macOf: () => this.#mac };
    const defaultIdentity = { kind: 'default', architecture: cpu } as const;
    const resolve = (identity: ConfigIdentity): BootAsset =>
      resolveBootAsset(
        { path: formatConfigPath(language, identity) ?? '', peer: address, local: localAddress },
        assets,
      );
    const machineAsset = resolve({ kind: 'mac', mac: this.#mac });
    const isAskedAgain =
      machineAsset.kind === 'missing' || (machineAsset.kind === 'rendered' && machineAsset.step.kind === 'chain');
    const asset = isAskedAgain && this.#machine === undefined ? resolve(defaultIdentity) : machineAsset;
    if (asset.kind === 'refused') return;
    const { path } = asset;
    if (assets.hasFile(path)) {
      this.#addLine('configuration', `${path}: the file of that name in the boot tree overrides the region`);
      return;
    }
    const purpose = asset.kind === 'rendered' ? asset.purpose : asset.kind;
    const machine = this.#machine;
    const reasonText = purpose.startsWith('profile')
      ? 'a profile takes the place of its life'
      : machine === undefined
        ? 'the region does not know it'
        : `${machine.hostname} is ${machine.statusName}`;
    this.#addLine('configuration', `${path}: told ${purposeText(purpose)}, because ${reasonText}`);
    if (purpose === 'enlist' && machine === undefined) this.#explainEnlistment();
    if (asset.kind === 'rendered') this.#explainStep(asset.step);
  }

  #explainStep(step: BootStep): void {
    switch (step.kind) {
      case 'menu': {
        const [firstEntry, ...otherEntries] = step.entries;
        this.#addLine(
          'menu',
          `for ${step.seconds} s: ${otherEntries.map(({ title }) => title).join(', ')}; then as follows`,
        );
        if (firstEntry !== undefined) this.#explainStep(firstEntry.step);
        return;
      }
      case 'kernel':
        this.#addLine('kernel', describeFileLocation(step.kernel));
        for (const { file } of step.initrds) this.#addLine('initrd', describeFileLocation(file));
        this.#addLine('arguments', step.words.join(' '));
        return;
      case 'image':
        this.#addLine(IMAGE_TOPICS[step.form], describeFileLocation(step.file));
        return;
      case 'script':
        this.#addLine('script', counted(step.lines.length, 'line'));
        return;
      case 'ipxe':
        this.#addLine('then', `it starts iPXE (${step.file}), which asks again and does the rest`);
        return;
      case 'explain': {
        const [text = '', remedy = ''] = step.lines.map((line) => line.replace(/\.$/, ''));
        this.#addObstacle('kernel', text, remedy);
        return;
      }
      case 'local':
        this.#addLine('then', 'it boots its own disk');
        return;
      case 'poweroff':
        this.#addLine('then', 'it powers off');
        return;
      case 'chain':
        return;
      default:
        unreachable(step);
    }
  }

  /**
   * Adds an obstacle if the region may refuse the machine's report. The limit of a remote region is
   * not known here.
   */
  #explainEnlistment(): void {
    const { config, dhcp } = this.#inputs;
    const newCount = dhcp.machines.all.filter(({ statusName }) => statusName === 'New').length;
    const { newMachinesMax } = config.region;
    if (config.uplink.mode !== 'embedded' || newCount < newMachinesMax) return;
    this.#addObstacle(
      'enlistment',
      `its report may be refused: ${counted(newCount, 'machine is', 'machines are')} New, and the limit is ${newMachinesMax}`,
      'accept or delete some, or raise region.new_machines_max',
    );
  }

  #explainName(): void {
    const { subnet } = this.#servedSubnet;
    const hostname = this.#machine?.hostname ?? this.#reservation?.hostname;
    const domain = this.#machine?.domain ?? subnet.domain;
    const fullName = `${hostname}${domain === '' ? '' : `.${domain}`}`;
    this.#addLine('name', hostname === undefined ? `the name it reports, under ${domain}` : fullName);
  }
}
