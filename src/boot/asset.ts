// What a path that a loader asks for means: a file of the tree, or text rendered for the machine that asks. Names and text
// only: opening and sending is for the servers.

import type { Ipv4, MacAddress } from '../net/address.ts';

/** A request of a loader, by whichever door it came. */
export interface AssetRequest {
  /** The path as asked: decoded, not normalised. */
  readonly path: string;
  readonly via: 'tftp' | 'http';
  /** Who asks. */
  readonly peer: Ipv4;
  /** The rack's address that was asked. */
  readonly local: Ipv4;
}

export type AssetRefusal =
  /** The path leaves the tree, is too long, or holds a zero byte. */
  | 'path-not-allowed'
  /** A configuration for a machine that is not known: the loader walks on to its default. */
  | 'machine-unknown'
  /** The kernel or initrd for this architecture and release was never imported. */
  | 'image-missing';

export type BootAsset =
  /** A file of the tree, by its normalised relative path. */
  | { readonly kind: 'file'; readonly path: string; readonly mac: MacAddress | undefined }
  /** Rendered text; a file of the tree under `path`, the asked name, wins. */
  | {
      readonly kind: 'rendered';
      readonly path: string;
      readonly text: string;
      readonly mac: MacAddress | undefined;
      /** What it tells the machine to do, for the timeline. */
      readonly purpose: string;
    }
  /** Nothing is rendered for this name; a file of the tree under `path` still wins. */
  | {
      readonly kind: 'missing';
      readonly path: string;
      readonly reason: AssetRefusal;
      readonly mac: MacAddress | undefined;
    }
  | { readonly kind: 'refused'; readonly reason: AssetRefusal; readonly mac: MacAddress | undefined };

/** Answers one request; synchronous, pure, from the present snapshot. */
export type ResolveAsset = (request: AssetRequest) => BootAsset;
