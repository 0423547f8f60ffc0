// Reads fields of a parsed document. Reading never throws: the reader keeps the first fault, and
// returns empty values, so that decoders need no branches.

import { type Fields, isFields } from '../../ground/fields.ts';
import {
  type DocumentDecoded,
  type DocumentFault,
  type DocumentFaultCode,
  documentFault,
  documentValue,
  memberPath,
} from './document-fault.ts';

const NO_FIELDS: Fields = {};

/** Reads fields, and remembers the first fault. */
export class FieldReader {
  #fault: DocumentFault | undefined;

  /** True after a fault. Values read after it do not matter. */
  get isFaulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Records a fault. Only the first one is kept. */
  fail(code: DocumentFaultCode, path: string, expected: string, found: unknown): void {
    const decodedFault = documentFault(code, path, expected, found);
    if (!decodedFault.ok) this.#fault ??= decodedFault.fault;
  }

  object(value: unknown, path: string): Fields {
    if (isFields(value)) return value;
    this.fail(value === undefined ? 'missing' : 'wrong-type', path, 'an object', value);
    return NO_FIELDS;
  }

  /**
   * Reads the members of an object with any keys, even `__proto__`. @param what names the members
   * in a fault
   */
  members(
    fields: Fields,
    key: string,
    path: string,
    what: string,
    max: number,
  ): readonly (readonly [string, unknown])[] {
    const memberPathText = memberPath(path, key);
    const members = Object.entries(this.object(getOwnMember(fields, key), memberPathText));
    if (members.length <= max) return members;
    this.fail('too-large', memberPathText, `at most ${max} ${what}`, members.length);
    return [];
  }

  text(fields: Fields, key: string, path: string, charactersMax: number): string {
    const text = this.optionalText(fields, key, path, charactersMax);
    if (text === undefined) this.fail('missing', memberPath(path, key), 'a text', undefined);
    return text ?? '';
  }

  /** Reads a text as `text` does. Undefined if it is absent. */
  optionalText(fields: Fields, key: string, path: string, charactersMax: number): string | undefined {
    const value = getOwnMember(fields, key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') this.fail('wrong-type', memberPath(path, key), 'a text', value);
    else if (value.length <= charactersMax) return value;
    else this.fail('too-large', memberPath(path, key), `at most ${charactersMax} characters`, value);
    return undefined;
  }

  /** Reads a list of texts. Empty if it is absent. */
  optionalTexts(fields: Fields, key: string, path: string, max: number, charactersMax: number): readonly string[] {
    const value = getOwnMember(fields, key);
    if (value === undefined) return [];
    const at = memberPath(path, key);
    if (!Array.isArray(value)) this.fail('wrong-type', at, 'a list of texts', value);
    else if (value.length > max) this.fail('too-large', at, `at most ${max} texts`, value.length);
    else {
      const invalidItem = value.find((item) => typeof item !== 'string' || item.length > charactersMax);
      if (invalidItem === undefined) return value.filter((each) => typeof each === 'string');
      this.fail('wrong-type', at, `texts of at most ${charactersMax} characters`, invalidItem);
    }
    return [];
  }

  finish<T>(value: T): DocumentDecoded<T> {
    return this.#fault === undefined ? documentValue(value) : { ok: false, fault: this.#fault };
  }
}

/** Returns a member of the object itself, never of its prototype. */
const getOwnMember = (fields: Fields, key: string): unknown => (Object.hasOwn(fields, key) ? fields[key] : undefined);
