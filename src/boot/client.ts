// Who asks: the firmware or loader on the other side, from what its DHCP packets say of it.

/** What DHCP shows of a boot client. */
export interface BootClientFacts {
  /** Option 93, in order (RFC 4578 §2.1 makes it a list); empty when absent. */
  readonly architectures: readonly number[];
  /** Option 60, as text; empty when absent. */
  readonly vendorClass: string;
  /** Option 77: each class, or the whole option where the client does not count them as RFC 3004 §4 wants. */
  readonly userClasses: readonly string[];
  /** Option 175 is there (iPXE's encapsulated options). */
  readonly ipxeOptions: boolean;
}

/** How a client loads its next file, and what it can run. */
export type BootClient =
  /** A PXE ROM of a BIOS machine: loads pxelinux by TFTP. */
  | { readonly kind: 'bios'; readonly architecture: number }
  /** iPXE in any firmware: loads a script by HTTP. */
  | { readonly kind: 'ipxe'; readonly architecture: number }
  /** UEFI that loads by TFTP. */
  | { readonly kind: 'uefi'; readonly cpu: 'amd64' | 'arm64' | 'i386'; readonly architecture: number }
  /** UEFI that loads by HTTP, and wants option 60 back. */
  | { readonly kind: 'uefi-http'; readonly cpu: 'amd64' | 'arm64' | 'i386'; readonly architecture: number }
  /** It says that it boots from the network, with a number that has no built-in loader. */
  | { readonly kind: 'other'; readonly architecture: number };
