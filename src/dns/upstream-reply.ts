// Judges an upstream's reply: whether it answers the question, and which records belong to it.
// Sources: RFC 5452 §6 (accept only records for the question), §9.1 (matching); RFC 2181 §5.4.1;
// RFC 6672 §5.3.1 (DNAME).
//
// 1. Kept are answers for the name and its aliases, authority for their zones and DNSSEC proofs,
//    and additional addresses of hosts in these.
// 2. A record about another name never reaches a client.

import type { CacheQuestion } from './cache.ts';
import { FLAG, type Message } from './message.ts';
import { isNameWithin } from './name.ts';
import { CLASS_IN, type DnsRecord, decodeTarget, TYPE } from './record.ts';
import type { Reply } from './reply.ts';

/** Aliases followed within a reply; records beyond are left out. */
const ALIASES_MAX = 32;

const DNAME = 39;
const DS = 43;
const RRSIG = 46;
/** NSEC and NSEC3. */
const PROOFS: ReadonlySet<number> = new Set([47, 50]);

/** True for a response with this id to exactly this question (RFC 5452 §9.1). */
export function isAnswerTo(message: Message, question: CacheQuestion, id: number): boolean {
  const firstQuestion = message.questions[0];
  return (
    (message.flags & FLAG.QR) !== 0 &&
    message.id === id &&
    message.questions.length === 1 &&
    firstQuestion?.name === question.name &&
    firstQuestion.type === question.type &&
    firstQuestion.class === CLASS_IN
  );
}

/** `undefined` if no response, or with no or several questions. */
export function repeatedQuestion(message: Message): { readonly name: string; readonly type: number } | undefined {
  return (message.flags & FLAG.QR) !== 0 && message.questions.length === 1 ? message.questions[0] : undefined;
}

export function relevantReply(question: CacheQuestion, message: Message): Reply {
  const names = aliasedNames(question.name, message.answers);
  const isAbove = (owner: string): boolean => names.some((name) => isNameWithin(name, owner));
  const inClass = (record: DnsRecord): boolean => record.class === CLASS_IN;
  const answers = message.answers.filter(
    (record) =>
      inClass(record) &&
      (names.includes(record.name) || ((record.type === DNAME || record.type === RRSIG) && isAbove(record.name))),
  );
  const authority = message.authority.filter((record) => {
    if (!inClass(record)) return false;
    if (PROOFS.has(record.type) || record.type === RRSIG) return question.dnssecOk;
    return (record.type === TYPE.SOA || record.type === TYPE.NS || record.type === DS) && isAbove(record.name);
  });
  const hosts = new Set([...answers, ...authority].map(decodeTarget));
  const additional = message.additional.filter(
    ({ name, type, class: klass }) =>
      klass === CLASS_IN && (type === TYPE.A || type === TYPE.AAAA || type === RRSIG) && hosts.has(name),
  );
  return { rcode: message.rcode, authoritative: false, answers, authority, additional };
}

/** The name and its aliases, in any order of records. */
function aliasedNames(first: string, answers: readonly DnsRecord[]): readonly string[] {
  const aliases = new Map<string, string | undefined>();
  for (const record of answers) {
    if (record.type === TYPE.CNAME && record.class === CLASS_IN) aliases.set(record.name, decodeTarget(record));
  }
  const names = [first];
  for (let next = aliases.get(first); next !== undefined && names.length <= ALIASES_MAX; next = aliases.get(next)) {
    if (names.includes(next)) break;
    names.push(next);
  }
  return names;
}
