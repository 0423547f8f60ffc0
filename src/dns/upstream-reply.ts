// Judges an upstream's reply: whether it answers the question, and which of its records belong to that question.
// Sources: RFC 5452 §6 (accept only records for the question), §9.1 (matching); RFC 2181 §5.4.1; RFC 6672 §5.3.1 (DNAME).
//
// 1. The rack keeps, of the answers, the records of the name asked for and of its aliases; of the authority section, the zones of these
//    names and DNSSEC proofs; of the additional section, addresses of hosts named in the kept records.
// 2. An upstream is trusted only for the question: a record about another name never reaches a client.

import type { CacheQuestion } from './cache.ts';
import { FLAG, type Message } from './message.ts';
import { isWithin } from './name.ts';
import { CLASS_IN, type DnsRecord, TYPE, targetOf } from './record.ts';
import type { Reply } from './reply.ts';

/** Aliases followed within one reply; the records beyond are left out. */
const ALIASES_MAX = 32;

const DNAME = 39;
const DS = 43;
const RRSIG = 46;
/** NSEC and NSEC3. */
const PROOFS: ReadonlySet<number> = new Set([47, 50]);

/** True if the message is a response with this id to exactly this question (RFC 5452 §9.1). */
export function isAnswerTo(message: Message, question: CacheQuestion, id: number): boolean {
  const asked = message.questions[0];
  return (
    (message.flags & FLAG.QR) !== 0 &&
    message.id === id &&
    message.questions.length === 1 &&
    asked?.name === question.name &&
    asked.type === question.type &&
    asked.class === CLASS_IN
  );
}

/** The question repeated in a response; `undefined` if the message is not a response, or repeats none or several. */
export function repeatedQuestion(message: Message): { readonly name: string; readonly type: number } | undefined {
  return (message.flags & FLAG.QR) !== 0 && message.questions.length === 1 ? message.questions[0] : undefined;
}

/** The part of a reply that belongs to its question. */
export function relevantReply(question: CacheQuestion, message: Message): Reply {
  const names = aliasedNames(question.name, message.answers);
  const isAbove = (owner: string): boolean => names.some((name) => isWithin(name, owner));
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
  const hosts = new Set([...answers, ...authority].map(targetOf));
  const additional = message.additional.filter(
    ({ name, type, class: klass }) =>
      klass === CLASS_IN && (type === TYPE.A || type === TYPE.AAAA || type === RRSIG) && hosts.has(name),
  );
  return { rcode: message.rcode, authoritative: false, answers, authority, additional };
}

/** The name asked for and all its aliases, in whatever order the records are. */
function aliasedNames(first: string, answers: readonly DnsRecord[]): readonly string[] {
  const aliases = new Map<string, string | undefined>();
  for (const record of answers) {
    if (record.type === TYPE.CNAME && record.class === CLASS_IN) aliases.set(record.name, targetOf(record));
  }
  const names = [first];
  for (let next = aliases.get(first); next !== undefined && names.length <= ALIASES_MAX; next = aliases.get(next)) {
    if (names.includes(next)) break;
    names.push(next);
  }
  return names;
}
