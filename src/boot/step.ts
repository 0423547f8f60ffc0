// A machine's next step, independent of the loader's language.
//
// 1. A step is rendered completely or not at all: a renderer that cannot write a value refuses the
//    whole text.
// 2. Every text ends on its own: a failure is shown for EXPLAIN_SECONDS, then the machine restarts
//    and asks again.

import type { Ipv4, MacAddress } from '../ground/address.ts';
import type { RackMachine } from '../machines/machine.ts';
import type { BootConfig } from './config.ts';
import type { BootImage, HasFile, RealOf } from './images.ts';
import type { KernelParamsRefusal } from './kernel-line.ts';

/** In seconds. */
export const EXPLAIN_SECONDS = 60;
/** In seconds: after so long a menu takes its first entry, whatever was pressed, where the loader can. */
export const MENU_SECONDS_MAX = 600;

/** A path of the tree, or a URL. */
type BootFile = string;

interface StepInitrd {
  readonly file: BootFile;
  /** Under which the kernel finds it; `undefined`: the kernel unpacks it. */
  readonly name?: string | undefined;
}

/** A step, with its label for the screen. */
export interface MenuEntry {
  readonly title: string;
  readonly step: Exclude<BootStep, { readonly kind: 'menu' | 'chain' }>;
}

/** A loader's task. */
export type BootStep =
  /** Start a kernel. `words`: its arguments without BOOTIF. */
  | {
      readonly kind: 'kernel';
      readonly kernel: BootFile;
      readonly initrds: readonly StepInitrd[];
      readonly words: readonly string[];
      readonly deviceTree?: BootImage['deviceTree'];
    }
  /** Start a disc, a disk in memory, or a program for UEFI. */
  | { readonly kind: 'image'; readonly form: 'iso' | 'disk' | 'efi'; readonly file: BootFile }
  /** Run a script of iPXE. */
  | { readonly kind: 'script'; readonly lines: readonly string[] }
  /** Start iPXE, which asks again and can do what this loader cannot. */
  | { readonly kind: 'ipxe'; readonly file: string }
  /** Let a person choose for so many seconds, then take the first entry. */
  | { readonly kind: 'menu'; readonly seconds: number; readonly entries: readonly MenuEntry[] }
  /** `architecture` is its MAAS name. */
  | { readonly kind: 'local'; readonly architecture: string }
  | { readonly kind: 'poweroff'; readonly architecture: string }
  | { readonly kind: 'explain'; readonly lines: readonly string[] }
  /** Ask again by hardware address, then by the default name. */
  | { readonly kind: 'chain' };

export interface StepContext {
  readonly config: BootConfig;
  readonly hasFile: HasFile;
  readonly realOf?: RealOf | undefined;
}

export interface StepQuery {
  readonly machine: RackMachine | undefined;
  /** The hardware address of the card that boots; `undefined`: unknown. */
  readonly mac?: MacAddress | undefined;
  /** The client's address. */
  readonly address?: Ipv4 | undefined;
  /** An unknown machine's architecture, if its loader says. */
  readonly architecture: string | undefined;
  readonly subarchitecture: string | undefined;
  /** The boot HTTP listener; `undefined` if there is none. */
  readonly baseUrl: string | undefined;
  readonly token?: string | undefined;
}

/** A step, with labels for the timeline and the screen. */
export interface Decision {
  readonly step: BootStep;
  /** The machine's purpose, `profile:NAME`, or a key of `PURPOSE_PROBLEMS`. */
  readonly purpose: string;
  readonly title: string;
}

/** A renderer's context. */
export interface RenderPlace {
  readonly title: string;
  /** Its MAAS name; `undefined`: unknown. */
  readonly architecture?: string | undefined;
  /** The boot HTTP listener, `http://a.b.c.d:port`; `undefined` if there is none. */
  readonly baseUrl: string | undefined;
  /** The rack's address if GRUB can load by HTTP (port 80). */
  readonly grubHttp: Ipv4 | undefined;
  /** `undefined`: the loader fills it in. */
  readonly mac: MacAddress | undefined;
  /** True for U-Boot, and for other firmware than pxelinux that reads its configurations. */
  readonly isUBoot: boolean;
  readonly hasFile: HasFile;
}

/** A configuration, or why a value cannot be written in its language. */
export type RenderedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly refusal: KernelParamsRefusal };

/** Never leaves the room. */
export class Unquotable extends Error {
  readonly refusal: KernelParamsRefusal;
  constructor(refusal: KernelParamsRefusal) {
    super(`cannot be quoted: ${refusal}`);
    this.name = 'Unquotable';
    this.refusal = refusal;
  }
}

export function tryRender(render: () => readonly string[]): RenderedText {
  try {
    return { ok: true, text: `${render().join('\n')}\n` };
  } catch (error) {
    if (error instanceof Unquotable) return { ok: false, refusal: error.refusal };
    throw error;
  }
}

/**
 * Text for a screen or a comment: what a loader could interpret becomes `?`, and it is cut at 200
 * characters.
 */
export function asScreenText(text: string): string {
  return text.slice(0, 200).replace(/[^A-Za-z0-9 ._:,()/+=-]/g, '?');
}
