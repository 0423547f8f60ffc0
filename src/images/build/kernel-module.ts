// Reads the description of a Linux kernel module: its `.modinfo` section.
//
// Source: include/linux/moduleparam.h of Linux: zero-terminated `key=value` strings.

import { type Decoded, decoded } from '../../net/byte-reader.ts';
import { findElfSection } from './elf.ts';

/** Module names have underscores, never dashes. */
export interface ModuleInfo {
  readonly name: string;
  /** Modules whose symbols this module uses. */
  readonly depends: readonly string[];
  /** Modules or aliases that are loaded before this module, if they exist. */
  readonly softDepends: readonly string[];
  /** Patterns of devices and features. */
  readonly aliases: readonly string[];
  /** Paths below `/lib/firmware`. */
  readonly firmware: readonly string[];
}

/**
 * Returns the name of a module, given its path or another spelling: without directory and `.ko`,
 * with underscores.
 */
export function normaliseModuleName(text: string): string {
  const base = text.slice(text.lastIndexOf('/') + 1).replace(/\.ko(\.(gz|xz|zst))?$/, '');
  return base.replaceAll('-', '_');
}

/** Decodes an uncompressed `.ko` file. If it has no name, the name is taken from `path`. */
export function decodeModuleInfo(bytes: Uint8Array, path: string): Decoded<ModuleInfo> {
  const section = findElfSection(bytes, '.modinfo');
  if (!section.ok) return section;
  const depends: string[] = [];
  const softDepends: string[] = [];
  const aliases: string[] = [];
  const firmware: string[] = [];
  let name = normaliseModuleName(path);
  for (const line of Buffer.from(section.value).toString('latin1').split('\0')) {
    const equals = line.indexOf('=');
    if (equals < 0) continue;
    const value = line.slice(equals + 1);
    switch (line.slice(0, equals)) {
      case 'name':
        name = normaliseModuleName(value);
        break;
      case 'depends':
        // Pushed one by one: the arguments of one call must fit on the stack, and a module may name
        // any number.
        for (const dependency of value.split(',')) if (dependency !== '') depends.push(normaliseModuleName(dependency));
        break;
      case 'softdep':
        for (const dependency of parseSoftDepends(value)) softDepends.push(dependency);
        break;
      case 'alias':
        aliases.push(value);
        break;
      case 'firmware':
        firmware.push(value);
        break;
    }
  }
  return decoded({ name, depends, softDepends, aliases, firmware });
}

/** Parses the names after `pre:` in a soft dependency (modprobe.d(5)). */
function parseSoftDepends(text: string): string[] {
  const names: string[] = [];
  let isBefore = false;
  for (const word of text.split(/\s+/)) {
    if (word === 'pre:') isBefore = true;
    else if (word === 'post:') isBefore = false;
    else if (isBefore && word !== '') names.push(normaliseModuleName(word));
  }
  return names;
}
