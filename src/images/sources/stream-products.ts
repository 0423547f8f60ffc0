// The products of a simplestreams site: its images, each with its versions and their files.

import type { FileKind } from './file-kind.ts';
import type { Tags } from './tags.ts';

/** A document of products. */
export interface StreamProducts {
  /** `com.ubuntu.maas:stable:v3:download`. */
  readonly contentId: string;
  /** `image-downloads`; empty: the document does not say. */
  readonly datatype: string;
  /** When the site last changed it, as the site writes it; empty: it does not say. */
  readonly updated: string;
  readonly products: readonly StreamProduct[];
}

/** A product: the images of one release for one architecture, kernel and label, or one boot loader. */
export interface StreamProduct {
  /** `com.ubuntu.cloud:server:24.04:amd64`, unique within the document. */
  readonly name: string;
  /** Its versions, newest first. A version with items of several subarchitectures appears as one image for each. */
  readonly images: readonly StreamImage[];
}

/** One version of a product. Texts are as the site writes them: clean them before they are shown. Empty: the site does not say. */
export interface StreamImage {
  /** The name of its product. */
  readonly product: string;
  /** `20240423`, `20240423.1`, `20240128_01`. */
  readonly serial: string;
  /** `ubuntu`, `centos`; for a boot loader its name: `grub-efi-signed`. */
  readonly os: string;
  /** `noble`; empty for a boot loader. */
  readonly release: string;
  /** `24.04`. */
  readonly version: string;
  /** Other names of the release, excluding `release`: `24.04`, `n`, `lts`. */
  readonly aliases: readonly string[];
  /** For people: `24.04 LTS`. */
  readonly title: string;
  /** The site's name of the architecture: `amd64`. */
  readonly arch: string;
  /** `generic` unless the site names another. */
  readonly subarch: string;
  /** Every subarchitecture that it serves, including `subarch`. */
  readonly subarches: readonly string[];
  /** `release`, `daily`, `stable`, `candidate`. */
  readonly label: string;
  /** The last day of its support, `2029-05-31`. */
  readonly supportEnds: string;
  /** Sorted by name. */
  readonly files: readonly StreamFile[];
}

/** A file that can be downloaded. */
export interface StreamFile {
  /** Its name within the version: `boot-kernel`, `disk1.img`. */
  readonly name: string;
  readonly ftype: string;
  readonly kind: FileKind;
  /** The path below the site's URL; it cannot leave the site. */
  readonly path: string;
  /** Undefined: the site does not say. */
  readonly bytes: number | undefined;
  /** 64 hexadecimal digits in lower case; undefined: the site does not give it, so it cannot verify the file. */
  readonly sha256: string | undefined;
  /** The same with 128 digits. */
  readonly sha512: string | undefined;
  /** For filters. */
  readonly tags: Tags;
}
