// `rackboot networks`: the networks that this rack serves. `add` proposes and asks as `init` does,
// `change` sets single fields of one, `remove` says what goes with a network.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readConfigFile, readConfigText } from '../../config/config-file.ts';
import { parseConfig } from '../../config/load.ts';
import { mergeSettings } from '../../config/merge.ts';
import { isActive } from '../../dhcp/leases/lease-table.ts';
import {
  formatNetwork,
  type Ipv4,
  networkContains,
  networksOverlap,
  parseIpv4,
  parseNetwork,
} from '../../ground/address.ts';
import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import {
  INTERFACES_KEY,
  interfaceName,
  isSettings,
  listInterfaces,
  type Settings,
  type SettingValue,
  valueAt,
} from '../../machines/settings.ts';
import { parseListEntries } from '../../region/list-entries.ts';
import { proposeAlongside, proposeName } from '../../region/networks/range-proposal.ts';
import type { SettingEdit } from '../../region/settings.ts';
import { readHostMoment } from '../../store/leases/host-clocks.ts';
import { LEASE_FILE } from '../../store/leases/lease-journal.ts';
import { datedLeases } from '../leases/source.ts';
import { runningLeases, strandedBy } from '../leases/stranded.ts';
import { printAnswer, type Where } from '../terminal/asking.ts';
import { closedLines, closedListeners } from '../terminal/closed-listeners.ts';
import { cachedSettings, type FoundConfig, findConfig } from '../terminal/config-in-force.ts';
import { print, tableText } from '../terminal/output.ts';
import { confirmOnTerminal } from '../terminal/prompt.ts';
import { runAsOwner } from '../terminal/state-owner.ts';
import { addFormerServers, findCandidates, type InterfaceCandidate } from './init-candidates.ts';
import { acceptProposals, askPerson, type DraftOptions, pickOptions } from './init-draft.ts';
import { buildSettings, domainLines, findFormerDomain } from './init-proposal.ts';
import type { Answers } from './init-questions.ts';
import { findLocalServers, ownPortHolder } from './local-dhcp.ts';
import { networkText } from './reset-networks.ts';
import { awaitApplied, listLosses, refuseElsewhere, submitEdits } from './store.ts';

/** A network of the file or of the store. */
export interface NetworkOfRack {
  readonly name: string;
  /** The name and address for people: `eth1 10.20.0.0/24`. */
  readonly text: string;
  readonly entry: Settings;
  readonly isFromFile: boolean;
}

function buildNetworkList(values: Settings, stored: Settings): readonly NetworkOfRack[] {
  const fileNames = new Set(listInterfaces(values).map(interfaceName));
  return listInterfaces(mergeSettings(values, stored).merged)
    .filter(isSettings)
    .map((entry) => {
      const name = interfaceName(entry);
      return {
        name,
        text: [name, networkText(entry)].filter(Boolean).join(' '),
        entry,
        isFromFile: fileNames.has(name),
      };
    });
}

/** The networks of a configuration and a state directory, which may both be missing. */
export function findRackNetworks(file: string, stateDir: string): readonly NetworkOfRack[] {
  const read = existsSync(file) ? readConfigFile(readConfigText(file)) : undefined;
  return buildNetworkList(read?.ok === true ? read.file.values : {}, cachedSettings(stateDir));
}

/** Describes, in a line for each network, what is lost with it. */
export async function networkLosses(networks: readonly NetworkOfRack[], stateDir: string): Promise<readonly string[]> {
  const leases = await listLeasedAddresses(stateDir);
  return networks.map(({ text, entry }) => {
    const network = parseNetwork(networkText(entry));
    const inUse = leases.filter((address) => network !== undefined && networkContains(network, address)).length;
    const hosts = parseListEntries(entry.hosts)?.length ?? 0;
    return `${text}: ${counted(hosts, 'reservation')}, ${counted(inUse, 'lease in use', 'leases in use')}`;
  });
}

/** The addresses in use, from the running rack or, without one, from its lease file. */
async function listLeasedAddresses(stateDir: string): Promise<readonly Ipv4[]> {
  try {
    return (await runningLeases(stateDir)).map(({ address }) => address);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'not-running')) throw error;
  }
  if (!existsSync(join(stateDir, LEASE_FILE))) return [];
  const moment = readHostMoment(systemClock);
  const storedLeases = runAsOwner(stateDir, () => datedLeases(stateDir, moment));
  return storedLeases.filter((lease) => isActive(lease, moment.now)).map(({ address }) => address);
}

export async function listNetworks(where: Where): Promise<number> {
  const { config, file, stored } = await findConfig(where.config);
  const rackNetworks = buildNetworkList(file.values, stored);
  const rows = rackNetworks.map(({ name, entry, isFromFile: isOfFile }) => {
    const { interfaceName, management, proxy } = config.clusterInterfaces.find((served) => served.name === name) ?? {};
    const givenText = proxy === true ? 'boot information' : 'addresses';
    return [
      name,
      interfaceName ?? 'by relay agents',
      networkText(entry),
      management === 0 ? 'nothing' : givenText,
      rangeText(entry, 'ip_range'),
      rangeText(entry, 'static_ip_range'),
      String(entry.router_ip ?? ''),
      String(parseListEntries(entry.hosts)?.length ?? 0),
      isOfFile ? where.config : 'store',
    ];
  });
  const headings = [
    'NAME',
    'INTERFACE',
    'NETWORK',
    'GIVES',
    'UNKNOWN MACHINES',
    'DEPLOYED ONES',
    'ROUTER',
    'HOSTS',
    'OWNER',
  ];
  const table = tableText(headings, rows, 'This rack serves no network. `rackboot networks add INTERFACE` adds one.');
  return printAnswer(
    where,
    rackNetworks.map(({ entry }) => entry),
    table,
  );
}

const rangeText = (entry: Settings, field: 'ip_range' | 'static_ip_range'): string =>
  entry[`${field}_low`] === undefined ? '' : `${entry[`${field}_low`]} to ${entry[`${field}_high`]}`;

interface AddFlags extends Answers {
  readonly config: string;
  /** The network's name. Default: the interface's name. */
  readonly name?: string | undefined;
  readonly yes: boolean;
}

/**
 * Adds a network of this host to those that the rack serves. @throws RackError `bad-argument`,
 * `cancelled`
 */
export async function addNetwork(flags: AddFlags): Promise<number> {
  const current = await findConfig(flags.config);
  const served = current.config.clusterInterfaces.map(({ network }) => network);
  const hostNetworks = findCandidates(flags.interface, (network) =>
    served.some((other) => networksOverlap(other, network)),
  );
  const servers = findLocalServers(
    hostNetworks.map((candidate) => candidate.name),
    ownPortHolder(current.config),
  );
  const candidates = addFormerServers(hostNetworks, servers);
  const options: DraftOptions = {
    optionAnswers: { ...pickOptions(flags), upstream: '-' },
    candidates,
    make: (answers, proposal) => renderWithNetwork(current, chooseName(current, flags, proposal), answers, proposal),
  };
  const mayAsk = !flags.yes && process.stdin.isTTY === true;
  const { answers, config } = mayAsk ? await askPerson(options) : await acceptProposals(options);
  const { proposal } = answers;
  const name = chooseName(current, flags, proposal);
  const edits = buildSettings({ ...answers, domain: 'maas', upstream: undefined }, name);
  refuseElsewhere(current, { config: flags.config }, 'set', edits);
  for (const line of closedLines(await closedListeners(config.stateDir, config))) print(line);
  await storeEdits(flags.config, current, edits);
  for (const line of domainLines(answers, name)) print(line);
  print(`${name}${proposal === undefined ? '' : ` ${formatNetwork(proposal.network)}`} ${describeOutcome(current)}`);
  return 0;
}

/** Chooses a name that no network of the rack has. */
function chooseName(
  { config }: FoundConfig,
  { name }: AddFlags,
  proposal: InterfaceCandidate | { name: string } | undefined,
): string {
  if (name !== undefined) return name;
  return proposeName(proposal?.name ?? '', new Set(config.clusterInterfaces.map((served) => served.name)));
}

function renderWithNetwork(
  { config, file, path, stored }: FoundConfig,
  name: string,
  known: Answers,
  proposal: InterfaceCandidate | undefined,
): ReturnType<DraftOptions['make']> {
  const { stateDir } = config;
  const domain = String(valueAt(mergeSettings(file.values, stored).merged, 'dns.domain') ?? 'maas');
  const formerDomain = findFormerDomain(known, domain, proposal);
  const answers = { ...known, name: config.name, stateDir, domain: 'maas', region: undefined, proposal, formerDomain };
  const added = buildSettings({ ...answers, upstream: undefined }, name).map(({ value }) => ({
    name,
    ...Object(value),
  }));
  const text = readConfigText(path);
  const parsed = parseConfig(text, { ...stored, [INTERFACES_KEY]: [...listInterfaces(stored), ...added] });
  return { answers, text, parsed, prefix: `${INTERFACES_KEY}.${name}.` };
}

/** Stores the edits, and waits until a running rack has applied them. */
async function storeEdits(file: string, current: FoundConfig, edits: readonly SettingEdit[]): Promise<void> {
  const answer = await submitEdits(current, { config: file }, edits);
  if (answer !== undefined) await awaitApplied(file, current, answer);
}

const describeOutcome = ({ uuid }: FoundConfig): string =>
  uuid === undefined
    ? 'is stored. No daemon runs here; the next one serves it.'
    : 'is in force: `rackboot networks list`.';

/**
 * Finds the network of this name in the store. @throws RackError `not-found`, `bad-argument` for a
 * network of the file
 */
function findStored({ file, stored, path }: FoundConfig, name: string): NetworkOfRack {
  const rackNetworks = buildNetworkList(file.values, stored);
  const network = rackNetworks.find((network) => network.name === name);
  if (network === undefined)
    throw new RackError(
      'not-found',
      `${name}: this rack has no such network: ${rackNetworks.map(({ text }) => text).join(', ') || 'it has none'}`,
    );
  if (network.isFromFile)
    throw new RackError('bad-argument', `${name}: ${path} has this network: change it in cluster_interfaces there`);
  return network;
}

/**
 * Prints what is removed, and asks. @throws RackError `bad-argument` without a terminal,
 * `cancelled`
 */
async function confirmLosses(losses: readonly string[], question: string, yes: boolean): Promise<void> {
  for (const line of losses) print(`Removes  ${line}`);
  if (!yes && process.stdin.isTTY !== true)
    throw new RackError('bad-argument', 'there is no terminal to ask for confirmation: add --yes; nothing was changed');
  await confirmOnTerminal(question, yes);
}

interface ChangeFlags extends Omit<Answers, 'interface' | 'upstream'> {
  readonly config: string;
  readonly name: string;
  readonly management?: number | undefined;
  readonly domain?: string | undefined;
  readonly dnsServers?: readonly string[] | undefined;
  readonly yes: boolean;
}

/** The field of a network that an option sets; `-` removes it. */
const FIELDS_BY_OPTION = [
  ['low', 'ip_range_low'],
  ['high', 'ip_range_high'],
  ['staticLow', 'static_ip_range_low'],
  ['staticHigh', 'static_ip_range_high'],
  ['router', 'router_ip'],
  ['dnsServers', 'dns_servers'],
  ['domain', 'domain'],
  ['management', 'management'],
  ['mode', 'mode'],
] as const;
/** The fields that proxy mode drops, because another server then gives the addresses. */
const DROPPED_BY_PROXY = [...FIELDS_BY_OPTION.slice(0, 4).map(([, field]) => field), 'hosts', 'options'];

/** The changed fields of a network; `undefined` for a removed one. */
function changedFields(entry: Settings, flags: ChangeFlags): Record<string, SettingValue | undefined> {
  const proposed: Partial<ChangeFlags> =
    flags.mode === 'server' && entry.mode === 'proxy' ? proposeRanges(entry, flags) : {};
  const requestedFields = FIELDS_BY_OPTION.flatMap(([option, field]) => {
    const value = flags[option] ?? proposed[option];
    const isRemoval = [value].flat().includes('-') || value === 'server';
    return value === undefined ? [] : [[field, isRemoval ? undefined : value]];
  });
  const droppedFields = flags.mode === 'proxy' ? DROPPED_BY_PROXY.map((field) => [field, undefined]) : [];
  return Object.fromEntries([...droppedFields, ...requestedFields]);
}

/**
 * Proposes the ranges of a network in which this rack begins to give addresses, like
 * `networks add`.
 */
function proposeRanges(entry: Settings, { router, ...typed }: ChangeFlags): Answers {
  const [address, network] = [parseIpv4(String(entry.ip)), parseNetwork(networkText(entry))];
  if (address === undefined || network === undefined) return {};
  const offeredRouter = parseIpv4(String(router ?? entry.router_ip ?? ''));
  return proposeAlongside({ name: interfaceName(entry), address, network }, offeredRouter, typed);
}

/**
 * Changes fields of a network of the store. Proxy mode drops ranges, reservations and options, after
 * a question if a person wrote any. @throws RackError `not-found`, `bad-argument`, `cancelled`
 */
export async function changeNetwork(flags: ChangeFlags): Promise<number> {
  const { config: file, name, yes } = flags;
  const current = await findConfig(file);
  const { entry, text } = findStored(current, name);
  const changes = Object.entries(changedFields(entry, flags));
  if (changes.length === 0)
    throw new RackError('bad-argument', `${name}: name what to change, such as --router; --help lists all`);
  const edits = changes
    .filter(([field, value]) => !isDeepStrictEqual(entry[field], value))
    .map(([field, value]) => ({ key: `${INTERFACES_KEY}.${name}.${field}`, value }));
  refuseElsewhere(current, { config: file }, 'set', edits);
  const losses = ['hosts', 'options'].flatMap((field) =>
    flags.mode === 'proxy' ? listLosses(field, entry[field], undefined) : [],
  );
  if (losses.length > 0) await confirmLosses(losses, `Change the network ${name}?`, yes);
  if (edits.length > 0) await storeEdits(file, current, edits);
  for (const line of await strandedBy(current.config, (await findConfig(file)).config)) print(line);
  print(`${text} ${describeOutcome(current)}`);
  return 0;
}

/** @throws RackError `not-found`, `bad-argument` for a network of the file, `cancelled` */
export async function removeNetwork({
  config: file,
  name,
  yes,
}: Where & { readonly name: string; readonly yes: boolean }): Promise<number> {
  const current = await findConfig(file);
  const network = findStored(current, name);
  const edits: readonly SettingEdit[] = [{ key: `${INTERFACES_KEY}.${name}`, value: undefined }];
  refuseElsewhere(current, { config: file }, 'unset', edits);
  await confirmLosses(await networkLosses([network], current.config.stateDir), `Remove the network ${name}?`, yes);
  await storeEdits(file, current, edits);
  print(`${network.text} is no longer served.`);
  return 0;
}
