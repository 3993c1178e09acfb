package avanak_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avanak/avanak"
)

func TestParseNumberSpellings(t *testing.T) {
	for _, spelling := range []string{
		"+989120000001", "00989120000001", "989120000001", "09120000001", "9120000001", "+98 912 000 0001", "0912-000-0001",
		"(0912) 000.0001", "۰۹۱۲۰۰۰۰۰۰۱", "٠٩١٢٠٠٠٠٠٠١", "+۹۸۹۱۲۰۰۰۰۰۰۱", "\u200e+989120000001\u200f", "\ufeff09120000001",
		"0912\u200c000\u200c0001", "\u00a009120000001 ", "+9809120000001", "＋989120000001", "\u202a+98 912\u202c 000 0001",
	} {
		n, err := avanak.ParseNumber(spelling)
		require.NoError(t, err, "%q", spelling)
		require.Equal(t, avanak.Number(989120000001), n, "%q", spelling)
	}
}

func TestParseNumberRefusals(t *testing.T) {
	for spelling, want := range map[string]error{
		"": avanak.ErrNumber, " ": avanak.ErrNumber, "abc": avanak.ErrNumber, "0912000000": avanak.ErrNumber,
		"091200000011": avanak.ErrNumber, "0912000000a": avanak.ErrNumber, "9.12E+09": avanak.ErrNumber, "++989120000001": avanak.ErrNumber,
		"98+9120000001": avanak.ErrNumber, "0912;ext=1": avanak.ErrNumber, "09120000001\r\nX: y": avanak.ErrNumber,
		"09410000001": avanak.ErrNumber, "0951" + "0000001": avanak.ErrNumber, "02110000000": avanak.ErrNumber, "0001": avanak.ErrNumber,
		"09120000001@evil": avanak.ErrNumber, strings.Repeat("0", 65): avanak.ErrNumber, strings.Repeat("9", 30): avanak.ErrNumber,
		"110": avanak.ErrEmergency, "۱۱۰": avanak.ErrEmergency, "+98110": avanak.ErrEmergency, "0098 115": avanak.ErrEmergency,
		"0112": avanak.ErrEmergency, "125": avanak.ErrEmergency, "1-1-0": avanak.ErrEmergency, "09909": avanak.ErrEmergency,
		"+14155550100": avanak.ErrDestination, "00442071838750": avanak.ErrDestination, "09090000001": avanak.ErrDestination,
	} {
		_, err := avanak.ParseNumber(spelling)
		require.ErrorIs(t, err, want, "%q", spelling)
		require.ErrorIs(t, err, avanak.ErrInvalid, "%q", spelling)
		if len(spelling) > 4 {
			require.NotContains(t, err.Error(), spelling, "errors never hold the text")
		}
	}
}

// TestParseNumberAgreesWithMetadata compares the rules here with the numbering plan of the world's library.
func TestParseNumberAgreesWithMetadata(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		national := rapid.Uint64Range(1_000_000_000, 9_999_999_999).Draw(rt, "national")
		n, err := avanak.ParseNumber("+98" + strconv.FormatUint(national, 10))
		parsed, parseErr := phonenumbers.Parse("+98"+strconv.FormatUint(national, 10), "IR")
		valid := parseErr == nil && phonenumbers.IsValidNumber(parsed)
		if err == nil {
			require.NoError(rt, n.Callable())
			if parseErr == nil && national/1_000_000_000 == 9 { // mobiles: the library knows which blocks are given out
				require.True(rt, phonenumbers.IsPossibleNumber(parsed))
			}
			return
		}
		if valid {
			kind := phonenumbers.GetNumberType(parsed)
			require.Contains(rt, []phonenumbers.PhoneNumberType{phonenumbers.PREMIUM_RATE, phonenumbers.UAN, phonenumbers.PAGER,
				phonenumbers.VOIP, phonenumbers.SHARED_COST, phonenumbers.TOLL_FREE, phonenumbers.UNKNOWN, phonenumbers.FIXED_LINE},
				kind, "refused, but valid to the library: %d", national)
			require.NotEqual(rt, phonenumbers.MOBILE, kind, "a mobile number must not be refused: %d", national)
		}
	})
}

// Every block of ten million mobile numbers that the library calls valid must be callable.
func TestEveryMobileBlockIsCallable(t *testing.T) {
	blocks := 0
	for prefix := 900; prefix < 1000; prefix++ {
		number := fmt.Sprintf("+98%d1234567", prefix)
		parsed, err := phonenumbers.Parse(number, "IR")
		if err != nil || !phonenumbers.IsValidNumber(parsed) || phonenumbers.GetNumberType(parsed) != phonenumbers.MOBILE {
			continue
		}
		blocks++
		_, err = avanak.ParseNumber(number)
		require.NoError(t, err, "block %d", prefix)
	}
	require.Greater(t, blocks, 30, "the library knows Iran's mobiles")
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"+989120000001", "۰۹۱۲۰۰۰۰۰۰۱", "110", "00", "+", "98", "\u200c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := avanak.ParseNumber(s)
		if err != nil {
			require.Zero(t, n)
			return
		}
		require.NoError(t, n.Callable())
		for _, text := range []string{n.E164(), n.National(), n.Digits(), "00" + n.Digits()} {
			again, err := avanak.ParseNumber(text)
			require.NoError(t, err)
			require.Equal(t, n, again, "parsing its own spelling is idempotent")
		}
		require.Equal(t, "+"+n.Digits(), n.E164())
		require.Len(t, n.Digits(), 12)
	})
}

func TestNumberIsMaskedUnlessAskedFor(t *testing.T) {
	n := avanak.Number(989120000001)
	require.Equal(t, "+98912****01", fmt.Sprint(n))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("call", "number", n)
	require.NotContains(t, log.String(), "9120000001")
	body, err := json.Marshal(map[string]avanak.Number{"number": n, "none": 0})
	require.NoError(t, err)
	require.JSONEq(t, `{"number":"+989120000001","none":""}`, string(body))
	var back map[string]avanak.Number
	require.NoError(t, json.Unmarshal(body, &back))
	require.Equal(t, n, back["number"])
	require.Zero(t, back["none"])
	require.Equal(t, "09120000001", n.National())
	require.Equal(t, "+****", fmt.Sprint(avanak.Number(110)))
}

func TestCallableIsTheLastCheck(t *testing.T) {
	for _, n := range []avanak.Number{0, 110, 98110, 98_9120_00000, 14155550100, 98_909_000_0001, 98_211_000_0000, 99_912_000_0001} {
		require.Error(t, n.Callable(), "%d", uint64(n))
	}
	require.NoError(t, avanak.Number(98_212_345_6789).Callable())
}

func TestNumberFault(t *testing.T) {
	for spelling, want := range map[string]string{"110": "emergency", "+14155550100": "destination", "x": "invalid"} {
		_, err := avanak.ParseNumber(spelling)
		require.Equal(t, want, avanak.NumberFault(err))
	}
}
