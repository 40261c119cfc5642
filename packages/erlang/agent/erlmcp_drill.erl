%%% @doc Proves, in a throwaway node of the release that shall read them, that restored files are what was captured. Mnesia
%%% takes its FALLBACK.BUP when it starts, ETS tables come by ets:file2tab/2, DETS tables by dets:open_file/2: nothing of
%%% the agent that captured them is used here.
%%%
%%% Standard input: a command a line. Standard output: for each command lines `erlmcp BASE64', each an external term, the
%%% last one #{done => true}. The end of standard input ends the node.
-module(erlmcp_drill).

-export([main/1]).

-define(PEER_MS, 60000).
-define(LOAD_MS, 3600000).
-define(TEXT_BYTES, 65536).

%% @doc `Folder' holds `plan', an external term.
-spec main([string()]) -> pid().
main([Folder]) ->
    spawn(fun() ->
              {ok, Bytes} = file:read_file(filename:join(Folder, "plan")),
              Port = open_port({fd, 0, 1}, [binary, {line, 1024}, eof]),
              serve(Port, binary_to_term(Bytes), #{})
          end).

serve(Port, Plan, State) ->
    receive
        {Port, eof} -> halt(0);
        {Port, {data, {eol, Line}}} ->
            Say = fun(Term) -> tell(Port, Term) end,
            State1 = try command(binary:split(Line, <<" ">>), Say, Plan, State)
                     catch throw:Why -> Say(#{failed => Why}), State;
                           _:Why:Stack -> Say(#{failed => text({Why, lists:sublist(Stack, 2)})}), State
                     end,
            Say(#{done => true}),
            serve(Port, Plan, State1)
    end.

tell(Port, Term) -> true = port_command(Port, ["erlmcp ", base64:encode(term_to_binary(Term)), $\n]).

command([<<"hello">>], Say, _, State) ->
    Say(#{node => node(), otp => list_to_binary(erlang:system_info(otp_release))}),
    State;
command([<<"mnesia">>], Say, #{<<"mnesia">> := Mnesia}, State) -> State#{late => start_mnesia(Say, Mnesia)};
command([<<"mnesia_check">>], Say, #{<<"mnesia">> := #{<<"tables">> := Wanted}}, State) ->
    Tables = mnesia:system_info(tables) -- [schema | maps:get(late, State, [])],
    [Say(mnesia_table(Table, maps:get(atom_to_binary(Table, utf8), Wanted, #{}))) || Table <- Tables],
    State;
command([<<"ets">>], Say, #{<<"ets">> := Files}, State) ->
    State#{ets => [{Path, load(Say, Path, fun() -> ets:file2tab(string_of(File), [{verify, true}]) end), Wanted}
                   || {Path, #{<<"file">> := File} = Wanted} <- maps:to_list(Files)]};
command([<<"ets_check">>], Say, _, #{ets := Tables} = State) ->
    [Say(ets_table(Path, Table, Wanted)) || {Path, {ok, Table}, Wanted} <- Tables],
    State;
command([<<"dets">>], Say, #{<<"dets">> := Files}, State) ->
    State#{dets => [{Path, load(Say, Path, fun() -> open(Wanted) end), Wanted} || {Path, Wanted} <- maps:to_list(Files)]};
command([<<"dets_check">>], Say, _, #{dets := Tables} = State) ->
    [Say(dets_table(Path, Table, Wanted)) || {Path, {ok, Table}, Wanted} <- Tables],
    State;
command([<<"eval">>, Number], Say, #{<<"checks">> := Checks}, State) ->
    #{<<"erlang">> := Text, <<"expect">> := Expected} = lists:nth(binary_to_integer(Number), Checks),
    Value = evaluate(string_of(Text)),
    Say(#{value => text(Value), equal => equals(Value, string_of(Expected))}),
    State.

%%% ------------------------------------------------------------------ loading

%% `alone': some node of the cluster is not here, so that nobody can be asked which copy counts.
start_mnesia(Say, #{<<"directory">> := Directory, <<"peers">> := Peers, <<"alone">> := Alone}) ->
    code:which(mnesia) =:= non_existing andalso throw(<<"the image has no Mnesia">>),
    Deadline = erlang:monotonic_time(millisecond) + ?PEER_MS,
    [await(binary_to_atom(Peer, utf8), Deadline) || Peer <- Peers],
    case application:load(mnesia) of ok -> ok; {error, {already_loaded, mnesia}} -> ok end,
    ok = application:set_env(mnesia, dir, string_of(Directory)),
    ok = mnesia:start(),
    Tables = mnesia:system_info(tables) -- [schema],
    Local = [Table || Table <- Tables, mnesia:table_info(Table, storage_type) =/= unknown],
    [yes = mnesia:force_load_table(Table) || Alone, Table <- Local],
    Late = case mnesia:wait_for_tables(case Alone of true -> Local; false -> Tables end, ?LOAD_MS) of
               ok -> [];
               {timeout, Some} -> Some;
               {error, Why} -> throw(text(Why))
           end,
    Say(#{tables => length(Tables), late => Late}),
    Late.

%% The nodes of a cluster decide together which copy of a table counts.
await(Peer, Deadline) ->
    case {net_adm:ping(Peer), erlang:monotonic_time(millisecond) < Deadline} of
        {pong, _} -> ok;
        {pang, true} -> timer:sleep(100), await(Peer, Deadline);
        {pang, false} -> throw(text({unreachable, Peer}))
    end.

load(Say, Path, Load) ->
    case Load() of
        {ok, Table} -> {ok, Table};
        {error, Why} -> Say(#{path => Path, error => text(Why)}), error
    end.

%% By its own name, so that an operator's check finds it; one without a name, by its file's.
open(#{<<"file">> := File, <<"name">> := Name, <<"type">> := Type, <<"keypos">> := Keypos}) ->
    Options = [{file, string_of(File)}, {type, binary_to_atom(Type, utf8)}, {keypos, Keypos},
               {access, read}, {repair, false}],
    dets:open_file(dets_name(Name, File), Options).

dets_name(<<>>, File) -> File;
dets_name(Name, _) ->
    case term(string_of(Name)) of
        {ok, Term} -> Term;
        error -> binary_to_atom(Name, utf8)
    end.

%%% ------------------------------------------------------------------ what is there

mnesia_table(Table, Wanted) ->
    Info = fun(Key) -> mnesia:table_info(Table, Key) end,
    Base = #{name => Table, type => Info(type), storage => name(Info(storage_type)), record_name => Info(record_name),
             attributes => [name(A) || A <- Info(attributes)], index => [name(I) || I <- Info(index)],
             ram_copies => Info(ram_copies), disc_copies => Info(disc_copies), disc_only_copies => Info(disc_only_copies),
             local_content => Info(local_content), majority => Info(majority), load_order => Info(load_order)},
    case Info(storage_type) of
        unknown -> Base; % its rows are another node's
        _ ->
            Fold = fun(Fun, Acc) -> mnesia:activity(async_dirty, fun() -> mnesia:foldl(Fun, Acc, Table) end) end,
            maps:merge(Base#{rows => Info(size)}, sums(Fold, fun(Row) -> setelement(1, Row, Table) end, Wanted))
    end.

ets_table(Path, Table, Wanted) ->
    Info = fun(Key) -> ets:info(Table, Key) end,
    Fold = fun(Fun, Acc) -> ets:foldl(Fun, Acc, Table) end,
    maps:merge(#{path => Path, name => Info(name), named => Info(named_table), type => Info(type), keypos => Info(keypos),
                 protection => Info(protection), compressed => Info(compressed), rows => Info(size)},
               sums(Fold, fun(Row) -> Row end, Wanted)).

dets_table(Path, Table, Wanted) ->
    Info = fun(Key) -> dets:info(Table, Key) end,
    Fold = fun(Fun, Acc) -> dets:foldl(Fun, Acc, Table) end,
    maps:merge(#{path => Path, type => Info(type), keypos => Info(keypos), rows => Info(size)},
               sums(Fold, fun(Row) -> Row end, Wanted)).

%% The sum of the rows' MD5, word by word: whatever their order. Another VM writes closures otherwise: where the sum is
%% not the one that is wanted, that of the rows without any is told too.
sums(Fold, As, Wanted) ->
    All = sum(Fold, As, fun(_) -> true end),
    case Wanted of
        #{<<"sum">> := All} -> #{sum => All};
        #{<<"closures">> := Closures} when Closures > 0 -> #{sum => All, open_sum => sum(Fold, As, fun(Row) -> not closure(Row) end)};
        _ -> #{sum => All}
    end.

sum(Fold, As, Counts) ->
    Add = fun(Row, {A, B, C, D} = Acc) ->
              case Counts(Row) of
                  true ->
                      Bytes = term_to_binary(As(Row), [{minor_version, 2}, deterministic]),
                      <<A1:32, B1:32, C1:32, D1:32>> = erlang:md5(Bytes),
                      {(A + A1) band 16#ffffffff, (B + B1) band 16#ffffffff, (C + C1) band 16#ffffffff, (D + D1) band 16#ffffffff};
                  false -> Acc
              end
          end,
    tuple_to_list(Fold(Add, {0, 0, 0, 0})).

closure(Fun) when is_function(Fun) -> erlang:fun_info(Fun, type) =:= {type, local};
closure([Head | Tail]) -> closure(Head) orelse closure(Tail);
closure(Tuple) when is_tuple(Tuple) -> closure(tuple_to_list(Tuple));
closure(Map) when is_map(Map) -> closure(maps:to_list(Map));
closure(_) -> false.

%%% ------------------------------------------------------------------ an operator's checks

evaluate(Text) ->
    Ended = case lists:suffix(".", string:trim(Text)) of true -> Text; false -> Text ++ "." end,
    case erl_scan:string(Ended) of
        {ok, Tokens, _} ->
            case erl_parse:parse_exprs(Tokens) of
                {ok, Expressions} ->
                    {value, Value, _} = erl_eval:exprs(Expressions, []),
                    Value;
                {error, {_, Module, Why}} -> throw(unicode:characters_to_binary(Module:format_error(Why)))
            end;
        {error, {_, Module, Why}, _} -> throw(unicode:characters_to_binary(Module:format_error(Why)))
    end.

%% What is expected may be written otherwise than the value is printed.
equals(Value, Expected) ->
    case term(Expected) of
        {ok, Term} when Term =:= Value -> true;
        _ -> text(Value) =:= unicode:characters_to_binary(Expected)
    end.

term(Text) ->
    try
        {ok, Tokens, _} = erl_scan:string(Text ++ "."),
        erl_parse:parse_term(Tokens)
    of
        {ok, Term} -> {ok, Term};
        {error, _} -> error
    catch
        error:_ -> error
    end.

%%% ------------------------------------------------------------------ text

string_of(Binary) -> unicode:characters_to_list(Binary).

name(Name) when is_atom(Name); is_integer(Name) -> Name;
name(Name) -> text(Name).

text(Term) ->
    Text = unicode:characters_to_binary(io_lib:format("~0tp", [Term])),
    case byte_size(Text) > ?TEXT_BYTES of
        true -> <<(binary_part(Text, 0, ?TEXT_BYTES))/binary, "...">>;
        false -> Text
    end.
