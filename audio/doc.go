// Package audio turns an upload into what a call plays: decoded, mixed to mono, brought to 8 kHz and encoded to both laws
// of ITU-T G.711, once per clip and never per call. Package api hands the upload over; package store keeps the frames;
// package call gives them to media, which sends them as they are.
//
//	upload ─► Decode ─► mono ─► resample ─► A-law ─┐
//	 (WAV)    blocks    mean    8 kHz    └► µ-law ─┴► Encoded.Frames, padded with silence to whole frames
//
// What is accepted: RIFF/WAVE with PCM of 16 bits, A-law or µ-law, also as WAVE_FORMAT_EXTENSIBLE; one or two channels;
// 8000 to 192000 Hz. Everything else is a FormatError that says what is wrong and what to do about it.
//
// Invariants:
//   - Nothing is allocated, and nothing is waited for, because a header claims it. The upload is read in small blocks;
//     memory is bounded by the encoded result plus one filter table (see maxTaps). More than maxPreamble bytes before the
//     audio and clips longer than avanak.MaxClip are refused.
//   - The RIFF size is not believed and not checked: many writers leave it wrong. The data chunk's size must be there
//     in full, because a clip that was cut off in transit must not reach a callee. The exceptions are the sizes that sox,
//     ffmpeg and espeak-ng write into a pipe (streamedSize and above, which no acceptable clip can have): they mean "to the
//     end of the upload". Less than one sample at the end of the data is dropped. A data chunk of size 0 is empty.
//   - The first sample of the clip is the first sample out: the resampler's delay is compensated, and n samples at rate
//     r become ceil(n·8000/r).
//   - A mono upload at 8 kHz that is already A-law (or µ-law) keeps its bytes; the other law comes from the conversion
//     tables 3 and 4 of G.711. A mono PCM upload at 8 kHz passes no filter.
//   - Only this package imports github.com/zaf/g711.
//
// # Where G.711 leaves a choice
//
// G.711 defines A-law on uniform PCM of 13 bits and µ-law on 14 (§3.6). How 16 bits become 13 it does not say, and for
// uniform values that lie exactly on a decision value it leaves the code to the equipment. Two chains are in use:
//
//   - The g711 library, like the ITU's own software (G.191), cuts the low bits off.
//   - SoX rounds to the nearest uniform value. So 1020 of the 65536 inputs of 16 bits get the neighbouring code in
//     A-law, 510 in µ-law: those up to half a uniform step before a decision value (12..15 and -20..-17 in A-law, say).
//
// Both follow G.711; on every 13-bit value the A-law codes are the same. We round as SoX does, so that every result can be
// compared byte for byte with a tool that everybody has. The price is a constant of half a uniform step in A-law (4/32768,
// 78 dB below full scale, and telephone lines pass no constant); the gain is that faint noise around zero becomes silence
// instead of flickering between the two zeros. In µ-law SoX treats both signs alike where the library does not, see
// encodeULaw. The rounding is done once, from the filter's exact result to the uniform value.
//
// From law to law we do not use the library: its tables differ from G.711's Tables 3 and 4 by one code in 19 of 128
// magnitudes from µ-law and 17 from A-law. See uToA.
package audio
