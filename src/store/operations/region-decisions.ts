// Reads the facts on which the region decides about machines (`steps.ts`). An enlistment begins
// with the facts that every enlistment needs; its decision asks for any others.
//
// 1. The number of statements is the same for any number of machines, names or values.

import { type Ipv4, ipv4, type MacAddress } from '../../ground/address.ts';
import { MACHINES_MAX } from '../../machines/machine.ts';
import { identityKeys } from '../../region/identity/evidence.ts';
import { UNTOUCHED_LOOKED_MAX } from '../../region/identity/new-machines.ts';
import { machineEvidence } from '../../region/identity/recognition.ts';
import type {
  AddressKnowledge,
  AddressRange,
  ChangeKnowledge,
  ChangeQuestion,
  EnlistmentKnowledge,
  EnlistmentQuestion,
  NamedHost,
  NameKnowledge,
  NameQuestion,
  SplitKnowledge,
} from '../../region/records/knowledge.ts';
import { statusRow } from '../../region/records/lifecycle.ts';
import type { Machine } from '../../region/records/machine.ts';
import { codec, flag, number, text } from '../rows.ts';
import { all, one, readFirstNumber, type Steps } from '../steps.ts';
import { leasedBetween } from './region-heard.ts';
import { composeHoldersQuery, readVerdicts, sharedValues } from './region-identity.ts';
import { readMachines } from './region-machine-reads.ts';
import { readUntouched } from './region-rows.ts';

// How many machines are New, which may give way, and how many a user has added: read for every
// report of an enlistment, so by an index (a scan of 1000 New machines of 64 interfaces took 5 ms).

const UNTOUCHED_FROM_SQL = `machine INDEXED BY machine_untouched WHERE status = ${statusRow('new').number} AND is_touched = 0`;

/** New machines that no person added, changed or tagged. */
export const NEW_MACHINES_SQL = `SELECT count(*) FROM ${UNTOUCHED_FROM_SQL}`;

/** The least recently updated first. Parameter: the limit. */
export const UNTOUCHED_SQL = `SELECT system_id, hostname, enlisted_from, vouched_mac, updated_ms FROM ${UNTOUCHED_FROM_SQL} ORDER BY updated_ms, id LIMIT ?`;

/** Machines that a user without administrator's rights added, and no rack has booted. Parameter: the user. */
export const UNBOOTED_SQL =
  'SELECT count(*) FROM machine INDEXED BY machine_unbooted WHERE added_by = ? AND vouched_mac IS NULL AND device IS NULL';

/** Each draw doubles the names asked for, so decisions stay far below. */
const QUESTIONS_MAX = 16;

const MACHINES_SQL = 'SELECT count(*) FROM machine';
/** The count is read again after this fraction of it in uses. */
const COUNTED_SHARE = 0.01;
const composeOwnerDataBytesSql = (hasOwner: boolean): string =>
  `SELECT sum(octet_length(owner_data)) FROM machine WHERE id <> ? AND owner ${hasOwner ? '= ?' : 'IS NULL'}`;

export const NOTHING_ASKED: ChangeKnowledge = {
  hostnames: new Map(),
  systemIds: new Map(),
  addresses: [],
  ownerDataBytes: undefined,
};

/**
 * The number of machines, seldom counted. Between counts it misses at most one hundredth, added by
 * other processes. It never causes a wrong refusal: `read` counts again before it returns a number
 * at the bound.
 */
export class MachineCount {
  #knownCount = 0;
  #remainingUses = 0;

  *read(): Steps<number> {
    if (this.#remainingUses <= 0 || this.#knownCount >= MACHINES_MAX) {
      this.#knownCount = readFirstNumber(yield one(MACHINES_SQL));
      this.#remainingUses = this.#knownCount * COUNTED_SHARE;
    }
    this.#remainingUses -= 1;
    return this.#knownCount;
  }

  /**
   * Adds one to the number. If the transaction fails, the number is too high until the next count.
   */
  add(): void {
    this.#knownCount += 1;
  }
}

/** Answers the questions of `decide` until it returns a decision. */
export function* decideWith<
  Known,
  Decision extends { readonly kind: string },
  Question extends { readonly kind: 'ask' },
>(
  decide: (knowledge: Known) => Decision | Question,
  initialKnowledge: Known,
  answer: (question: Question, knowledge: Known) => Steps<Known>,
): Steps<Decision> {
  let knowledge = initialKnowledge;
  for (let questions = 0; questions <= QUESTIONS_MAX; questions += 1) {
    const decision = decide(knowledge);
    if (!isQuestion(decision)) return decision;
    knowledge = yield* answer(decision, knowledge);
  }
  throw new Error(`a decision asked more than ${QUESTIONS_MAX} questions`);
}

function isQuestion<Decision extends { readonly kind: string }, Question extends { readonly kind: 'ask' }>(
  decision: Decision | Question,
): decision is Question {
  return decision.kind === 'ask';
}

export function* readEnlistmentKnowledge(
  evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[] },
  machines: number,
): Steps<EnlistmentKnowledge> {
  const holders = composeHoldersQuery(evidence.values.length);
  const byMacSql = 'SELECT machine_id FROM interface WHERE mac IN numbers(?)';
  const foundMachines = yield* readMachines(
    `SELECT * FROM machine WHERE id IN (${byMacSql}${holders === undefined ? '' : ` UNION ${holders}`}) ORDER BY id`,
    JSON.stringify(evidence.macs),
    ...evidence.values,
  );
  const macs = new Set(evidence.macs);
  const hasMac = ({ interfaces }: Machine): boolean => interfaces.some((nic) => macs.has(nic.mac));
  const machineKeys = foundMachines.flatMap((machine) => identityKeys(machineEvidence(machine)));
  return {
    byMac: foundMachines.filter(hasMac),
    byValue: foundMachines.filter((machine) => !hasMac(machine)),
    shared:
      foundMachines.length === 0 ? new Set() : yield* sharedValues([...new Set([...evidence.values, ...machineKeys])]),
    verdicts: yield* readVerdicts(foundMachines.map(({ id }) => id)),
    machines,
    newMachines: readFirstNumber(yield one(NEW_MACHINES_SQL)),
    untouched: undefined,
    unbooted: undefined,
    hostnames: new Map(),
    systemIds: new Map(),
  };
}

export function* answerEnlistment(
  question: EnlistmentQuestion,
  knowledge: EnlistmentKnowledge,
): Steps<EnlistmentKnowledge> {
  const names = yield* answerNames(question, knowledge);
  const untouched =
    question.untouched === true
      ? (yield all(UNTOUCHED_SQL, UNTOUCHED_LOOKED_MAX)).rows.map(readUntouched)
      : knowledge.untouched;
  const unbooted =
    question.unbootedOf === undefined
      ? knowledge.unbooted
      : readFirstNumber(yield one(UNBOOTED_SQL, question.unbootedOf));
  return { ...knowledge, ...names, untouched, unbooted };
}

export function* answerSplit(question: NameQuestion, knowledge: SplitKnowledge): Steps<SplitKnowledge> {
  return { ...knowledge, ...(yield* answerNames(question, knowledge)) };
}

export function* answerChange(
  machine: Machine,
  question: ChangeQuestion,
  knowledge: ChangeKnowledge,
  atMs: number,
): Steps<ChangeKnowledge> {
  const names = yield* answerNames(question, knowledge);
  const addresses = [...knowledge.addresses];
  const owner = machine.owner === undefined ? [] : [machine.owner];
  for (const range of question.ranges ?? [])
    addresses.push(yield* readAddressesIn(range, machine.id, atMs, question.host?.username));
  const ownerDataBytes =
    question.ownerData === true
      ? readFirstNumber(yield one(composeOwnerDataBytesSql(owner.length > 0), machine.id, ...owner))
      : knowledge.ownerDataBytes;
  return { ...names, addresses, ownerDataBytes };
}

function* answerNames(question: NameQuestion, knowledge: NameKnowledge): Steps<NameKnowledge> {
  return {
    hostnames: yield* answerTaken(composeHostnameQuery(question.host), question.hostnames ?? [], knowledge.hostnames),
    systemIds: yield* answerTaken([SYSTEM_IDS_SQL], question.systemIds ?? [], knowledge.systemIds),
  };
}

const SYSTEM_IDS_SQL = 'SELECT system_id AS name FROM machine WHERE system_id IN texts(?1)';
/** A system id is no free hostname: profiles name machines by either. */
const HOSTNAMES_SQL =
  `${SYSTEM_IDS_SQL} UNION ALL SELECT hostname AS name FROM machine WHERE hostname IN texts(?1) UNION ALL ` +
  'SELECT hostname AS name FROM reserved_address WHERE hostname IN texts(?1)';

/**
 * Selects the system ids and hostnames of machines, and the hostnames of reserved addresses that
 * are not reserved for the host.
 */
function composeHostnameQuery(host: NamedHost | undefined): readonly [sql: string, ...values: readonly string[]] {
  if (host === undefined) return [HOSTNAMES_SQL];
  const macs = JSON.stringify(host.macs);
  const otherHostnamesSql = `${HOSTNAMES_SQL} AND (mac IS NULL OR NOT mac IN numbers(?2)`;
  return host.username === undefined
    ? [`${otherHostnamesSql})`, macs]
    : [`${otherHostnamesSql} OR username <> ?3)`, macs, host.username];
}

/** @param sql selects the taken names, which are its first value */
function* answerTaken(
  [sql, ...values]: readonly [sql: string, ...values: readonly string[]],
  names: readonly string[],
  knowledge: ReadonlyMap<string, boolean>,
): Steps<ReadonlyMap<string, boolean>> {
  if (names.length === 0) return knowledge;
  const takenNames = new Set((yield all(sql, JSON.stringify(names), ...values)).rows.map(readName));
  return new Map([...knowledge, ...names.map((name) => [name, takenNames.has(name)] as const)]);
}

/**
 * Addresses of a range that others have (allocated or reserved), those seen on other machines'
 * interfaces, and those that other hosts lease at `atMs`.
 * @param username who, besides administrators, may have reserved an address for the machine;
 * `undefined`: any user
 */
function* readAddressesIn(
  [low, high]: AddressRange,
  machineId: number,
  atMs: number,
  username?: string,
): Steps<AddressKnowledge> {
  const { rows } =
    username === undefined
      ? yield all(composeUsedSql(''), low, high, machineId)
      : yield all(composeUsedSql(COUNTS_SQL), low, high, machineId, username);
  const usedRanges = rows.map(readUsed);
  const listAddresses = (isSeen: boolean): Ipv4[] =>
    usedRanges.flatMap((range) => {
      const start = Math.max(range.low, low);
      const length = range.isSeen === isSeen ? Math.max(0, Math.min(range.high, high) - start + 1) : 0;
      return Array.from({ length }, (_, index) => ipv4(start + index));
    });
  const leases = yield* leasedBetween(low, high, atMs, machineId);
  const leasedField =
    leases.length === 0 ? {} : { leased: new Map(leases.toReversed().map((lease) => [lease.address, lease])) };
  return {
    range: [low, high],
    taken: new Set(listAddresses(false)),
    seen: new Set(listAddresses(true)),
    ...leasedField,
  };
}

/** True for an address that the user or an administrator reserved; the commands on a rack have no account. */
const COUNTS_SQL =
  ' AND (reserved_address.username = ?4 OR reserved_address.username IN ' +
  "(SELECT username FROM account WHERE is_admin = 1 UNION ALL SELECT 'local-administrator'))";

/**
 * Others' addresses, reserved ranges, and the routers of static routes, without what the machine
 * has or what is reserved for its interfaces.
 * @param condition a further condition on reserved addresses
 */
const composeUsedSql = (condition: '' | typeof COUNTS_SQL): string =>
  'SELECT address AS low, address AS high, 1 AS is_seen FROM interface WHERE address BETWEEN ?1 AND ?2 AND machine_id <> ?3 UNION ALL ' +
  'SELECT address, address, 0 FROM allocation WHERE address BETWEEN ?1 AND ?2 AND machine_id <> ?3 UNION ALL ' +
  'SELECT low, high, 0 FROM address_range WHERE low IS NOT NULL AND service_id IS NULL AND low <= ?2 AND high >= ?1 UNION ALL ' +
  'SELECT gateway, gateway, 0 FROM static_route WHERE gateway BETWEEN ?1 AND ?2 AND NOT EXISTS ' +
  '(SELECT 1 FROM allocation WHERE allocation.address = static_route.gateway AND allocation.machine_id = ?3) UNION ALL ' +
  'SELECT address, address, 0 FROM reserved_address WHERE address BETWEEN ?1 AND ?2 AND ' +
  `NOT EXISTS (SELECT 1 FROM interface WHERE interface.mac = reserved_address.mac AND interface.machine_id = ?3${condition})`;

const readUsed = codec<{ readonly low: number; readonly high: number; readonly isSeen: boolean }>({
  low: number('low'),
  high: number('high'),
  isSeen: flag('is_seen'),
}).read;

const readName = text('name').read;
