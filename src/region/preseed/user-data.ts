// A machine's user data: its owner's instructions for cloud-init, delivered unchanged alongside
// Rackboot's own (vendor data).
//
// Sources: cloud-init, "User data formats" (the first line gives the kind; a MIME message may have
// several parts); RFC 2046 §5.1.
//
// 1. User data that cloud-init would silently ignore is refused: of another kind, or a cloud-config
//    that is no map in YAML.

import { counted } from '../../ground/counted.ts';
import { loadYamlParser } from '../../ground/yaml-parser.ts';
import { fieldRefusal, type RefusalWord } from '../records/refusal.ts';

export const USER_DATA_BYTES_MAX = 1024 * 1024;

const CLOUD_CONFIG = 'text/cloud-config';
/** First lines and cloud-init's MIME types for them; a longer one comes before its own prefix. */
const KINDS: readonly (readonly [string, string])[] = [
  ['#cloud-config-archive', 'text/cloud-config-archive'],
  ['#cloud-config-jsonp', 'text/cloud-config-jsonp'],
  ['#cloud-config', CLOUD_CONFIG],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#include-once', 'text/x-include-once-url'],
  ['#include', 'text/x-include-url'],
  ['#part-handler', 'text/part-handler'],
  ['## template: jinja', 'text/jinja2'],
  ['#!', 'text/x-shellscript'],
];
/**
 * The largest cloud-config whose YAML is checked, in bytes and tokens: parsing more would hold up
 * the region.
 */
const CHECKED_BYTES_MAX = 32 * 1024;
/** Some 600 lines; a script in a block is one token. The worst such text takes some 10 ms. */
const CHECKED_TOKENS_MAX = 4096;
/** Lists and maps within each other: the parser recurses. */
const DEPTH_MAX = 100;
const MULTIPART = 'multipart';
const GZIP = 'application/gzip';

type JudgedUserData =
  | { readonly ok: true; readonly type: string }
  | { readonly ok: false; readonly refusal: RefusalWord };

/** Finds the type of user data by its beginning; empty user data is valid and has no type. */
export function judgeUserData(bytes: Uint8Array): JudgedUserData {
  if (bytes.length === 0) return { ok: true, type: '' };
  if (bytes.length > USER_DATA_BYTES_MAX)
    return {
      ok: false,
      refusal: fieldRefusal(
        `the user data has ${counted(bytes.length, 'byte')}; the maximum is ${USER_DATA_BYTES_MAX}`,
      ),
    };
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { ok: true, type: GZIP };
  const start = Buffer.from(bytes.subarray(0, 4096)).toString('latin1').trimStart();
  const type = KINDS.find(([first]) => start.startsWith(first))?.[1];
  const fault = type === CLOUD_CONFIG ? findYamlFault(bytes) : undefined;
  if (fault !== undefined)
    return {
      ok: false,
      refusal: fieldRefusal(
        `cloud-init could not read this user data: it is not valid YAML in line ${fault.line}: ${fault.why}`,
      ),
    };
  if (type !== undefined) return { ok: true, type };
  if (isMessage(start)) return { ok: true, type: MULTIPART };
  return {
    ok: false,
    refusal: fieldRefusal(
      `cloud-init would ignore this user data: begin it with one of ${KINDS.map(([first]) => first).join(', ')}, or give a MIME message or gzip`,
    ),
  };
}

/**
 * Why cloud-init could not read a cloud-config. Keys that appear twice are no fault: there the last
 * one counts.
 */
function findYamlFault(bytes: Uint8Array): { readonly line: number; readonly why: string } | undefined {
  if (bytes.length > CHECKED_BYTES_MAX) return undefined;
  const { isMap, Lexer, LineCounter, Parser, parseDocument, visit } = loadYamlParser();
  const text = Buffer.from(bytes).toString('utf8');
  let line = 1;
  const parser = new Parser(() => {
    line += 1;
  });
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > CHECKED_TOKENS_MAX) return undefined;
    Array.from(parser.next(token));
    if (parser.stack.length > DEPTH_MAX) return { line, why: 'it is nested too deeply' };
  }
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false };
  const { contents, errors } = withoutStacks(() => parseDocument(text, options));
  const lineAt = (at: number): number => lines.linePos(at).line;
  const [error] = errors;
  if (error !== undefined) return { line: lineAt(error.pos[0]), why: error.message };
  if (contents !== null && !isMap(contents) && contents.range[0] !== contents.range[1])
    return { line: lineAt(contents.range[0]), why: 'a cloud-config is a map: `key: value`' };
  const anchors = new Set<string>();
  let fault: { readonly line: number; readonly why: string } | undefined;
  visit(contents, {
    Alias: (_key, { source, range }) => {
      if (!anchors.has(source)) fault ??= { line: lineAt(range?.[0] ?? 0), why: `there is no anchor &${source}` };
    },
    Value: (_key, { anchor }) => {
      if (anchor !== undefined) anchors.add(anchor);
    },
  });
  return fault;
}

/**
 * Runs `work`, whose errors have no stacks: there may be one for each byte of a text, and the stack
 * is most of what an error costs.
 */
function withoutStacks<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const isMessage = (start: string): boolean =>
  /^(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*?content-type:\s*multipart\//i.test(start);
