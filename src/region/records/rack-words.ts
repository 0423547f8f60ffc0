// Recognises what a rack reported about a machine's boot by the sentence of its report (`observe/sentences`).
//
// 1. Racks of earlier versions, and reports stored by them, use other words: each pattern accepts both.

/** True for an offer to firmware or a loader, even if the rack has no boot file for it. A running system asks without a boot client. */
export const isBootOffer = (text: string): boolean =>
  /^Offered (?:only |nothing |\S+ (?:\([^)]*\) )?(?:and|without) )|; (?:to load|nothing to load)/.test(text);

/** True for an offer with a boot file. */
export const isOfferWithFile = (text: string): boolean =>
  /^Offered (?:only |\S+ (?:\([^)]*\) )?and )|; to load /.test(text);

/** True for an offer to iPXE. */
export const isIpxeOffer = (text: string): boolean =>
  /^Offered .* \(iPXE\)(?:, in class(?:es)? [^;]*)?(?:; another DHCP server gives the address)?$|because it is iPXE$/.test(
    text,
  );

/** True for a configuration that boots the machine's own disk. */
export const isDiskStart = (text: string): boolean =>
  /(?:^|\s)was told to boot its own disk| is told to start its own disk/i.test(text);

/** True for a configuration that boots the ephemeral environment. */
export const isEnvironmentStart = (text: string): boolean =>
  /(?:^|\s)was told to run the ephemeral environment| is told to run the ephemeral environment/i.test(text);

/** True for a configuration sent to a machine with a known hardware address. */
export const isConfiguration = (text: string): boolean => /^(?:Was told|Got its configuration) /.test(text);

/** True for a configuration that decides what the machine boots, as opposed to one that only makes its loader ask again. */
export const isBootDecision = (text: string): boolean =>
  /^(?:[\d.]+ )?was told (?!to identify itself)| is told (?!to ask again)/i.test(text);
