%% Enough JSON for the answers of this application, on every OTP version the sample runs on.
-module(erlmcp_sample_json).

-export([encode/1]).

-spec encode(term()) -> iodata().
encode(Map) when is_map(Map) ->
    Pairs = [
        [encode(key(Key)), $:, encode(Value)]
     || {Key, Value} <- lists:sort(maps:to_list(Map))
    ],
    [${, lists:join($,, Pairs), $}];
encode(List) when is_list(List) ->
    [$[, lists:join($,, [encode(Item) || Item <- List]), $]];
encode(true) -> <<"true">>;
encode(false) -> <<"false">>;
encode(null) -> <<"null">>;
encode(undefined) -> <<"null">>;
encode(Number) when is_integer(Number) -> integer_to_binary(Number);
encode(Number) when is_float(Number) -> float_to_binary(Number, [{decimals, 3}]);
encode(Atom) when is_atom(Atom) -> encode(atom_to_binary(Atom));
encode(Text) when is_binary(Text) -> [$", escape(Text), $"];
encode(Other) -> encode(unicode:characters_to_binary(io_lib:format("~tp", [Other]))).

key(Key) when is_atom(Key) -> atom_to_binary(Key);
key(Key) when is_binary(Key) -> Key.

escape(Text) ->
    [escape_char(Char) || <<Char/utf8>> <= Text].

escape_char($") -> <<"\\\"">>;
escape_char($\\) -> <<"\\\\">>;
escape_char(Char) when Char < 32 -> io_lib:format("\\u~4.16.0b", [Char]);
escape_char(Char) -> <<Char/utf8>>.
